import Foundation
import Synchronization

/// Whether the job was asked to stop: by SIGTERM, SIGUSR1 (a scheduler's warning), SIGHUP (a terminal that closes) or
/// SIGINT.
///
/// The handler only sets a flag; the ranks agree on it in the step's all-reduce, save, and leave with exit code 75. It
/// runs on a thread of its own: libraries whose kernels use the stack pointer as they like lose numbers, and the heap's
/// order, where a signal interrupts them.
public enum StopSignal {
  private static let flag = Atomic<Bool>(false)

  private static let names = [SIGTERM, SIGUSR1, SIGHUP]
  private static let allNames = names + [SIGINT]

  /// Lets signals wait until ``install()``, also across an exec: before that they would end the process, and what the
  /// launcher makes of that is its affair.
  public static func hold() {
    var signals = set
    pthread_sigmask(SIG_BLOCK, &signals, nil)
  }

  private static var set: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    for name in allNames { sigaddset(&signals, name) }
    return signals
  }

  /// Starts to listen; a signal that waited comes now. A second SIGINT ends the process at once. SIGHUP stays ignored
  /// where it was, as under nohup.
  public static func install() {
    for name in names where !(name == SIGHUP && isIgnored(name)) {
      signal(name) { _ in StopSignal.flag.store(true, ordering: .relaxed) }
    }
    signal(SIGINT) { _ in
      StopSignal.flag.store(true, ordering: .relaxed)
      signal(SIGINT, SIG_DFL)
    }
    // Threads inherit it: all that are started from here on are left alone.
    hold()
    Thread.detachNewThread {
      release()
      while true { pause() }
    }
  }

  /// Ends what ``hold()`` began; signals then do what they did before, for work that saves nothing.
  public static func release() {
    var signals = set
    pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  }

  private static func isIgnored(_ name: CInt) -> Bool {
    var action = sigaction()
    sigaction(name, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Whether a signal has come to this rank.
  public static var isSet: Bool { flag.load(ordering: .relaxed) }
}
