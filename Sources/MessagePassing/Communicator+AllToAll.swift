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
    let code = Activity.waiting {
      MPI_Alltoallv(
        values.baseAddress, layout.counts, layout.displacements, type,
        result.baseAddress, resultLayout.counts, resultLayout.displacements, type, handle)
    }
    try MPIError.check(code, from: "MPI_Alltoallv")
  }

  /// Starts ``allToAllV(_:_:into:_:)`` and returns at once.
  ///
  /// Collective. Both buffers stay in place and are left alone until the request is complete. Without a progress thread
  /// in the library it moves on only inside MPI calls: `test()` now and then.
  ///
  /// The corresponding C function is `MPI_Ialltoallv` (MPI 3.1, section 5.12.5).
  public func startAllToAllV<Element: MPIElement>(
    _ values: UnsafeBufferPointer<Element>, _ layout: BlockLayout,
    into result: UnsafeMutableBufferPointer<Element>, _ resultLayout: BlockLayout
  ) throws(MPIError) -> Request {
    layout.requireFit(in: values.count, ranks: size)
    resultLayout.requireFit(in: result.count, ranks: size)
    let type = Element.datatype, send = layout.copies(), receive = resultLayout.copies()
    var request: MPI_Request?
    let code = MPI_Ialltoallv(
      values.baseAddress, send.counts.baseAddress, send.displacements.baseAddress, type,
      result.baseAddress, receive.counts.baseAddress, receive.displacements.baseAddress, type, handle, &request)
    let layouts = [send.counts, send.displacements, receive.counts, receive.displacements]
    let started = Request([request], layouts: layouts)
    try MPIError.check(code, from: "MPI_Ialltoallv")
    return started
  }
}
