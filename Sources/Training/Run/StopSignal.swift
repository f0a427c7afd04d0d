import Glibc
import Synchronization

/// Whether the job was asked to stop: by SIGTERM, SIGUSR1 (a scheduler's warning) or SIGINT.
///
/// The handler only sets a flag; the ranks agree on it in the step's all-reduce, save, and leave with exit code 75.
public enum StopSignal {
  private static let flag = Atomic<Bool>(false)

  /// Starts to listen. A second SIGINT ends the process at once.
  public static func install() {
    // Beyond a limit on file sizes a write then fails with an error that can be told, as on a full disk.
    signal(SIGXFSZ, SIG_IGN)
    for name in [SIGTERM, SIGUSR1] { signal(name) { _ in StopSignal.flag.store(true, ordering: .relaxed) } }
    signal(SIGINT) { _ in
      StopSignal.flag.store(true, ordering: .relaxed)
      signal(SIGINT, SIG_DFL)
    }
  }

  /// Whether a signal has come to this rank.
  public static var isSet: Bool { flag.load(ordering: .relaxed) }
}
