internal import COpenMPI

/// A collective operation under way.
///
/// Its buffer is in use until `wait()` has returned or `test()` has returned true; one of them must come to pass before
/// the buffer is freed and before MPI ends.
public final class Request {
  /// One handle for each part that MPI could count; none once all are complete.
  private var handles: [MPI_Request?]
  /// Counts and displacements, which MPI may read until the end.
  private let layouts: [UnsafeMutableBufferPointer<CInt>]

  /// - Parameter layouts: Allocated memory, which the request frees.
  init(_ handles: [MPI_Request?], layouts: [UnsafeMutableBufferPointer<CInt>] = []) {
    (self.handles, self.layouts) = (handles, layouts)
  }

  deinit { for numbers in layouts { numbers.deallocate() } }

  /// Whether the operation was seen to be complete.
  public var isComplete: Bool { handles.isEmpty }

  /// Returns when the operation is complete on this rank; at once if it was so already.
  ///
  /// The corresponding C function is `MPI_Waitall` (MPI 3.1, section 3.7.5).
  public func wait() throws(MPIError) {
    guard !handles.isEmpty else { return }
    let code = Activity.waiting { MPI_Waitall(CInt(handles.count), &handles, cmpi_statuses_ignore()) }
    try MPIError.check(code, from: "MPI_Waitall")
    handles = []
  }

  /// Moves the operation on and returns whether it is complete on this rank.
  ///
  /// The corresponding C function is `MPI_Testall` (MPI 3.1, section 3.7.5).
  public func test() throws(MPIError) -> Bool {
    guard !handles.isEmpty else { return true }
    var isComplete: CInt = 0
    let code = MPI_Testall(CInt(handles.count), &handles, &isComplete, cmpi_statuses_ignore())
    try MPIError.check(code, from: "MPI_Testall")
    if isComplete != 0 { handles = [] }
    return isComplete != 0
  }
}
