internal import COpenMPI

extension Communicator {
  /// Replaces `values` on every rank by their element-wise sum, minimum or maximum over all ranks.
  ///
  /// Collective and blocking: the same count and `reduction` on every rank. Any count. The order of the sums is MPI's
  /// and depends on the number of ranks.
  ///
  /// - Throws: ``MPIError``; `values` is then unspecified.
  ///
  /// The corresponding C function is `MPI_Allreduce` (MPI 3.1, section 5.9.6).
  public func allReduce<Element: MPIElement>(
    _ values: UnsafeMutableBufferPointer<Element>, _ reduction: Reduction
  ) throws(MPIError) {
    try Self.inChunks(values) { (start, count) throws(MPIError) in
      let code = Activity.waiting {
        MPI_Allreduce(cmpi_in_place(), start, count, Element.datatype, reduction.operation, handle)
      }
      try MPIError.check(code, from: "MPI_Allreduce")
    }
  }

  /// Replaces `values` on every rank by their element-wise sum, minimum or maximum over all ranks.
  ///
  /// Collective and blocking: the same count and `reduction` on every rank.
  public func allReduce<Element: MPIElement>(_ values: inout [Element], _ reduction: Reduction) throws(MPIError) {
    try values.withUnsafeMutableBufferPointer { (buffer) throws(MPIError) in try allReduce(buffer, reduction) }
  }

  /// Returns the sum, minimum or maximum of every rank's `value`. Collective and blocking.
  public func allReduce<Element: MPIElement>(_ value: Element, _ reduction: Reduction) throws(MPIError) -> Element {
    var result = value
    try withUnsafeMutablePointer(to: &result) { (pointer) throws(MPIError) in
      try allReduce(UnsafeMutableBufferPointer(start: pointer, count: 1), reduction)
    }
    return result
  }

  /// Starts to replace `values` on every rank by their element-wise sum over all ranks, and returns at once.
  ///
  /// Collective: the same count on every rank. `values` stays in place and is left alone until the request is complete.
  /// Without a progress thread in the library the sum moves on only inside MPI calls: `test()` now and then.
  ///
  /// The corresponding C function is `MPI_Iallreduce` (MPI 3.1, section 5.12.6).
  public func startAllReduceSum<Element: MPIElement>(
    _ values: UnsafeMutableBufferPointer<Element>
  ) throws(MPIError) -> Request {
    var handles: [MPI_Request?] = []
    try Self.inChunks(values) { (start, count) throws(MPIError) in
      var request: MPI_Request?
      let code = MPI_Iallreduce(
        cmpi_in_place(), start, count, Element.datatype, cmpi_sum(), handle, &request)
      try MPIError.check(code, from: "MPI_Iallreduce")
      handles.append(request)
    }
    return Request(handles)
  }
}
