internal import COpenMPI

extension Communicator {
  /// Sends block r of `values` to rank r, and receives the block of rank r in block r of `result`.
  ///
  /// Collective and blocking: the count that rank a's `layout` has for rank b is the one that rank b's `resultLayout`
  /// has for rank a. The buffers must not overlap. Nothing is allocated here.
  ///
  /// The corresponding C function is `MPI_Alltoallv` (MPI 3.1, section 5.8).
  public func allToAllV<Element: MPIElement>(
    _ values: UnsafeBufferPointer<Element>, _ layout: BlockLayout,
    into result: UnsafeMutableBufferPointer<Element>, _ resultLayout: BlockLayout
  ) throws(MPIError) {
    layout.requireFit(in: values.count, ranks: size)
    resultLayout.requireFit(in: result.count, ranks: size)
    let type = Element.datatype
    let code = MPI_Alltoallv(
      values.baseAddress, layout.counts, layout.displacements, type,
      result.baseAddress, resultLayout.counts, resultLayout.displacements, type, handle)
    try MPIError.check(code, from: "MPI_Alltoallv")
  }
}
