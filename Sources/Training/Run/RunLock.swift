import Checkpoints
import Foundation
import Synchronization

/// A run folder's lock, which keeps a second job out of it: the file run.lock, held by rank 0 from before it touches the
/// folder until the run ends.
///
/// A thread of its own raises the lock's beat, so that others see the holder alive from machines that do not see its
/// process. A process that dies leaves the lock behind, to be taken over by the next.
final class RunLock: Sendable {
  static let fileName = "run.lock"

  private struct State {
    var file: LockFile
    var record: RunLockRecord
    /// When the lock was last seen to be this run's.
    var lastSeen: ContinuousClock.Instant
    var loss: RunError?
    var isReleased = false
  }

  private let folder: URL
  private let timing: RunLockTiming
  private let state: Mutex<State>
  /// Whoever looks after the file, or removes it.
  private let turn = Mutex<Void>(())
  private let end = DispatchSemaphore(value: 0)

  /// Holds a lock that was just taken, and begins to beat.
  init(_ file: LockFile, _ record: RunLockRecord, in folder: URL, timing: RunLockTiming) {
    (self.folder, self.timing) = (folder, timing)
    state = Mutex(State(file: file, record: record, lastSeen: .now))
    Thread.detachNewThread { [self] in
      while end.wait(timeout: .now() + timing.beat / .seconds(1)) == .timedOut, beat() {}
    }
  }

  /// Gives the folder free. What remains of the lock if that fails is told apart by the next job.
  func release() {
    end.signal()
    turn.withLock { _ in
      let file = state.withLock {
        $0.isReleased = true
        return $0.file
      }
      try? file.remove()
    }
  }

  /// Throws if another job has taken the folder: this one, which must have stood still, may not write there any more.
  ///
  /// - Parameter isSaving: Whether something is about to be replaced or removed, so that the file itself is looked at
  ///   even if it was a moment ago.
  /// - Throws: ``RunError/lockLost(folder:holder:)``.
  func requireOwn(isSaving: Bool = false) throws {
    if isSaving || state.withLock({ ContinuousClock.now - $0.lastSeen > timing.beat * 2 }) { look() }
    if let loss = state.withLock({ $0.loss }) { throw loss }
  }

  /// Looks after the lock, and raises its beat. A full disk does no harm: what counts is whether the lock is there.
  ///
  /// - Returns: Whether it is still held.
  private func beat() -> Bool {
    look()
    let held: (file: LockFile, content: Data)? = state.withLock {
      guard $0.loss == nil, !$0.isReleased else { return nil }
      $0.record.beat += 1
      return ($0.file, $0.record.content)
    }
    guard let held else { return false }
    try? held.file.overwrite(with: held.content)
    return true
  }

  private func look() {
    turn.withLock { _ in
      // Another look follows on a lock that came between.
      var tries = 3
      while tries > 0, !lookOnce() { tries -= 1 }
    }
  }

  /// Looks at the file under the lock's name, and puts one back that is missing while no other job can have come and
  /// gone.
  ///
  /// - Returns: Whether all is known; what cannot be read now is looked at with the next beat.
  private func lookOnce() -> Bool {
    let now = ContinuousClock.now
    let (file, record, lastSeen, isOver) = state.withLock {
      ($0.file, $0.record, $0.lastSeen, $0.isReleased || $0.loss != nil)
    }
    guard !isOver, let presence = try? file.presence() else { return true }
    switch presence {
    case .own: state.withLock { $0.lastSeen = now }
    case .other(let content):
      state.withLock {
        $0.loss = .lockLost(folder: folder.path, holder: RunLockRecord(content)?.holder ?? "another process")
      }
    case .missing where now - lastSeen < timing.watch - timing.beat * 2:
      guard let attempt = try? LockFile.create(file.url, mark: record.token, content: record.content) else {
        return false
      }
      state.withLock { ($0.file, $0.lastSeen) = (attempt, now) }
    case .missing: state.withLock { $0.loss = .lockLost(folder: folder.path, holder: nil) }
    }
    return true
  }
}

/// How often a lock beats, and how long it is watched by who cannot see its holder.
struct RunLockTiming: Sendable {
  var beat = Duration.seconds(2)
  /// Many beats, since a busy machine or network loses some.
  var watch = Duration.seconds(10)

  /// How long a holder that is there is given to go, as one is that a restarted job finds on its way out.
  var patience = Duration.zero

  /// How often the watched lock is looked at.
  var look: Duration { watch / 50 }
}
