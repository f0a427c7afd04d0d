internal import COpenMPI
import Glibc

/// Memory that all ranks of a node see: one copy, whatever the number of ranks.
///
/// Typical use: one rank writes, every rank calls `synchronize()`, and every rank reads.
public final class SharedWindow {
  /// The memory, at a multiple of 64 bytes. Each rank sees it at an address of its own. Invalid after `free()`.
  public let bytes: UnsafeMutableRawBufferPointer
  private var handle: MPI_Win?
  private let node: Communicator

  /// Allocates `byteCount` bytes once for all ranks of `node`.
  ///
  /// Collective and blocking. The byte count of rank 0 of `node` counts.
  ///
  /// - Parameter node: Ranks that can share memory: ``Communicator/splitByNode()``.
  /// - Throws: ``MPIError``, on every rank of `node` alike if the folder of shared memory files is too small.
  ///
  /// The corresponding C function is `MPI_Win_allocate_shared` (MPI 3.1, section 11.2.3).
  public init(byteCount: Int, on node: Communicator) throws(MPIError) {
    let byteCount = Int(try node.broadcast(Int64(byteCount)))
    if node.size > 1 { try Self.requireSpace(byteCount, node) }

    var base: UnsafeMutableRawPointer?
    var window: MPI_Win?
    let ownCount = node.rank == 0 ? byteCount + Self.alignment : 0
    let code = Activity.waiting {
      MPI_Win_allocate_shared(ownCount, 1, cmpi_info_null(), node.handle, &base, &window)
    }
    try MPIError.check(code, from: "MPI_Win_allocate_shared")
    guard let window else {
      throw .callFailed(operation: "MPI_Win_allocate_shared", code: MPI_ERR_WIN, text: "no window")
    }
    try MPIError.check(MPI_Win_set_errhandler(window, cmpi_errors_return()), from: "MPI_Win_set_errhandler")
    var size = 0
    var unit: CInt = 0
    try MPIError.check(MPI_Win_shared_query(window, 0, &size, &unit, &base), from: "MPI_Win_shared_query")
    // Loads and stores and MPI_Win_sync belong in an access epoch; this one lasts as long as the window.
    try MPIError.check(MPI_Win_lock_all(CInt(MPI_MODE_NOCHECK), window), from: "MPI_Win_lock_all")

    bytes = UnsafeMutableRawBufferPointer(
      start: base?.alignedUp(toMultipleOf: Self.alignment), count: base == nil ? 0 : byteCount)
    handle = window
    self.node = node
  }

  /// Makes what any rank wrote before visible to all ranks after. Collective and blocking.
  ///
  /// The corresponding C functions are `MPI_Win_sync` (MPI 3.1, section 11.5.4) and `MPI_Barrier`.
  public func synchronize() throws(MPIError) {
    try settle()
    try node.barrier()
    try settle()
  }

  /// Orders this rank's loads and stores before and after: what it wrote before is seen by whoever hears of it later, and
  /// what it reads after is as new as what it has heard. For synchronization by other means than ``synchronize()``.
  ///
  /// The corresponding C function is `MPI_Win_sync` (MPI 3.1, section 11.5.4).
  public func settle() throws(MPIError) {
    guard let handle else { preconditionFailure("the shared window was freed before") }
    try MPIError.check(MPI_Win_sync(handle), from: "MPI_Win_sync")
  }

  /// Releases the memory. Collective and blocking; every rank calls it before MPI ends. Again is nothing.
  ///
  /// The corresponding C function is `MPI_Win_free` (MPI 3.1, section 11.2.5).
  public func free() throws(MPIError) {
    guard let window = handle else { return }
    try MPIError.check(MPI_Win_unlock_all(window), from: "MPI_Win_unlock_all")
    try MPIError.check(Activity.waiting { MPI_Win_free(&handle) }, from: "MPI_Win_free")
    handle = nil
  }

  /// A cache line, and the widest vector register.
  private static let alignment = 64

  /// Open MPI keeps a window in a file here.
  ///
  /// The name is Open MPI's parameter `osc_sm_backing_directory`, which mpirun hands to the ranks by this variable.
  private static var folder: String {
    getenv("OMPI_MCA_osc_sm_backing_directory").map { String(cString: $0) } ?? "/dev/shm"
  }

  /// Throws on all ranks of `node` if its first rank finds too little space.
  ///
  /// Left to the library, a failed allocation leaves the other ranks waiting, and a file that outgrows its folder later
  /// kills the process that writes to it.
  private static func requireSpace(_ byteCount: Int, _ node: Communicator) throws(MPIError) {
    var status = statvfs()
    var available = Int64(Int.max)
    if node.rank == 0, statvfs(folder, &status) == 0 { available = Int64(status.f_bavail) * Int64(status.f_frsize) }
    available = try node.broadcast(available)
    let pageSlack = 2 * Int(sysconf(CInt(_SC_PAGESIZE)))
    guard available >= byteCount + pageSlack else {
      let host = try MPIEnvironment.processorName()
      throw .sharedMemory(folder: folder, host: host, neededBytes: byteCount, availableBytes: Int(available))
    }
  }
}
