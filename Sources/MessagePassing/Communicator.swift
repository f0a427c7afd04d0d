internal import COpenMPI

/// A group of ranks that talk to each other.
///
/// Its collective methods are called by every rank of the group, in the same order. It is a handle: copies stand for
/// the same group. It belongs to the threads that the ``ThreadLevel`` of the environment allows.
public struct Communicator {
  let handle: MPI_Comm
  /// This process's number in the group, from 0.
  public let rank: Int
  /// The number of ranks in the group.
  public let size: Int

  init(_ handle: MPI_Comm) throws(MPIError) {
    try MPIError.check(MPI_Comm_set_errhandler(handle, cmpi_errors_return()), from: "MPI_Comm_set_errhandler")
    var rank: CInt = 0
    var size: CInt = 0
    try MPIError.check(MPI_Comm_rank(handle, &rank), from: "MPI_Comm_rank")
    try MPIError.check(MPI_Comm_size(handle, &size), from: "MPI_Comm_size")
    self.handle = handle
    self.rank = Int(rank)
    self.size = Int(size)
  }

  /// Waits until every rank has called it.
  ///
  /// The corresponding C function is `MPI_Barrier` (MPI 3.1, section 5.3).
  public func barrier() throws(MPIError) {
    try MPIError.check(Activity.waiting { MPI_Barrier(handle) }, from: "MPI_Barrier")
  }

  /// Starts ``barrier()`` and returns at once. Collective; without a progress thread in the library it moves on only
  /// inside MPI calls.
  ///
  /// The corresponding C function is `MPI_Ibarrier` (MPI 3.1, section 5.12.1).
  public func startBarrier() throws(MPIError) -> Request {
    var request: MPI_Request?
    let code = MPI_Ibarrier(handle, &request)
    try MPIError.check(code, from: "MPI_Ibarrier")
    return Request([request])
  }

  /// Splits the group into groups of equal `color`, each ordered by `key`, then by rank here.
  ///
  /// Collective and blocking. `free()` releases the result.
  ///
  /// - Parameter color: The number of the group to join, not negative.
  ///
  /// The corresponding C function is `MPI_Comm_split` (MPI 3.1, section 6.4.2).
  public func split(color: Int, key: Int) throws(MPIError) -> Communicator {
    var result: MPI_Comm?
    try MPIError.check(MPI_Comm_split(handle, CInt(color), CInt(key), &result), from: "MPI_Comm_split")
    return try Self.wrap(result, from: "MPI_Comm_split")
  }

  /// Splits the group into one group for each node, whose ranks can share memory. The order of ranks is kept.
  ///
  /// Collective and blocking. `free()` releases the result.
  ///
  /// The corresponding C function is `MPI_Comm_split_type` (MPI 3.1, section 6.4.2).
  public func splitByNode() throws(MPIError) -> Communicator {
    var result: MPI_Comm?
    let code = MPI_Comm_split_type(handle, cmpi_comm_type_shared(), CInt(rank), cmpi_info_null(), &result)
    try MPIError.check(code, from: "MPI_Comm_split_type")
    return try Self.wrap(result, from: "MPI_Comm_split_type")
  }

  /// Releases a communicator made by a split; it must not be used afterwards. Collective.
  ///
  /// The corresponding C function is `MPI_Comm_free` (MPI 3.1, section 6.4.3).
  public func free() throws(MPIError) {
    var released: MPI_Comm? = handle
    try MPIError.check(MPI_Comm_free(&released), from: "MPI_Comm_free")
  }

  private static func wrap(_ handle: MPI_Comm?, from operation: String) throws(MPIError) -> Communicator {
    guard let handle else { throw .callFailed(operation: operation, code: MPI_ERR_COMM, text: "no communicator") }
    return try Communicator(handle)
  }

  /// `count` as MPI's own count.
  ///
  /// - Throws: ``MPIError/tooManyElements(operation:count:)`` from 2³¹ on.
  static func count(_ count: Int, in operation: String) throws(MPIError) -> CInt {
    guard let result = CInt(exactly: count) else { throw .tooManyElements(operation: operation, count: count) }
    return result
  }

  /// Calls `body` with buffers of at most 2³⁰ elements that together are `values`: MPI counts elements in 31 bits.
  static func inChunks<Element: MPIElement>(
    _ values: UnsafeMutableBufferPointer<Element>,
    _ body: (UnsafeMutableRawPointer?, CInt) throws(MPIError) -> Void
  ) throws(MPIError) {
    let limit = 1 << 30
    var start = 0
    repeat {
      let count = min(limit, values.count - start)
      try body(values.baseAddress.map { UnsafeMutableRawPointer($0 + start) }, CInt(count))
      start += count
    } while start < values.count
  }
}
