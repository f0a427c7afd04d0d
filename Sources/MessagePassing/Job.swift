internal import COpenMPI
import Glibc

/// This rank's place in the job, and the way to end the job on all ranks at once.
///
/// It may be used from any thread, such as a watchdog's, since ending the job needs no state.
public struct Job: Sendable {
  /// This rank in the world.
  public let rank: Int
  /// The number of ranks in the world.
  public let rankCount: Int
  /// The name of the host that this rank runs on.
  public let host: String

  /// Prints `message` with this rank and its host on standard error and ends every rank of the job.
  ///
  /// Any rank may call it alone. When many ranks meet the same error it is said once: rank 0's ``Watch`` gathers errors
  /// and speaks for all. Without a watch rank 0 speaks at once, and the others wait a moment, in which an earlier rank's
  /// abort ends them.
  ///
  /// - Parameter code: The exit code of the process, and of mpirun.
  public func fail(_ message: String, code: Int32) -> Never {
    Watch.current?.report(message, code: code)
    if rank > 0 {
      // A handler that turns SIGTERM into a wish to save would outlive the abort of an earlier rank.
      signal(SIGTERM, SIG_DFL)
      pause(microseconds: 1_500_000 + 100_000 * UInt64(min(rank, 10)))
    }
    Self.print("polyad: \(prefix)\(message)\n")
    abort(code: code)
  }

  /// Returns what `body` returns; if it throws, the job ends on every rank with the error's text and exit code.
  ///
  /// To be called while the ``MPIEnvironment`` lives: an error that unwinds past it waits in finalize for ever.
  public func run<Result>(exitCode: (any Error) -> Int32, _ body: () throws -> Result) -> Result {
    do {
      return try body()
    } catch {
      fail("\(error)", code: exitCode(error))
    }
  }

  /// Ends every rank of the job with the exit code `code`. Any rank may call it alone, from any thread.
  ///
  /// Where the launcher is out of reach, as on a host without its network, this process at least ends within seconds.
  ///
  /// The corresponding C function is `MPI_Abort` (MPI 3.1, section 8.7).
  public func abort(code: Int32) -> Never {
    WatchThread.start {
      usleep(3_000_000)
      _exit(code)
    }
    fflush(nil)
    Self.silenceAbortNotice()
    MPI_Abort(cmpi_comm_world(), code)
    _exit(code)
  }

  private var prefix: String { rankCount > 1 ? "rank \(rank) of \(rankCount) on \(host): " : "" }

  /// Open MPI follows every abort with eight lines that name no cause; one line of ours is the better ending.
  ///
  /// There is no MPI call for it: the variable is what `mpirun --quiet` sets, and is left alone where it is missing.
  private static func silenceAbortNotice() {
    guard let variable = dlsym(nil, "orte_execute_quiet") else { return }
    variable.assumingMemoryBound(to: CBool.self).pointee = true
  }

  /// One write, so that the lines of several ranks do not mix.
  static func print(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(2, $0.baseAddress, $0.count) }
  }

  private func pause(microseconds: UInt64) {
    var request = timespec(tv_sec: Int(microseconds / 1_000_000), tv_nsec: Int(microseconds % 1_000_000) * 1000)
    var remaining = timespec()
    while nanosleep(&request, &remaining) == -1 && errno == EINTR { request = remaining }
  }
}
