import Checkpoints
import Foundation

extension RunLock {
  /// Takes the lock of a run folder, at once where it is free or its holder is seen to be gone. A holder that cannot be
  /// seen from here is gone if the lock does not beat while it is watched.
  ///
  /// - Parameters:
  ///   - folder: The run folder, which exists.
  ///   - announce: Called with a line before the lock is watched.
  ///   - remark: Called with a line for the run's log when the lock of another was taken over.
  /// - Throws: ``RunError/locked(folder:holder:since:)``, or `FileError` where there can be no lock.
  static func take(
    _ folder: URL, as process: ProcessIdentity = .own, job: String?, timing: RunLockTiming = RunLockTiming(),
    announce: (String) -> Void, remark: (String) -> Void
  ) throws -> RunLock {
    let record = RunLockRecord(process, job: job)
    let url = folder.appending(path: fileName)
    var watch = Watch(folder: folder, timing: timing)
    while true {
      if let file = try LockFile.create(url, mark: record.token, content: record.content) {
        return RunLock(file, record, in: folder, timing: timing)
      }
      // It may be gone by now.
      guard let content = try LockFile.read(url) else { continue }
      guard try watch.isStale(content, seenBy: process, announce: announce) else { continue }
      if try LockFile.remove(url, where: { $0 == content }) {
        remark(
          "took over output_dir from "
            + (RunLockRecord(content).map { "\($0.holder), which" }
              ?? "a process that left an unreadable \(fileName) and") + " is gone")
      } else {
        try watch.pause(content)
      }
    }
  }

  /// The time that a job spends on another's lock.
  private struct Watch {
    let folder: URL
    let timing: RunLockTiming
    /// The lock that is watched, as it was when that began.
    private var seen: (content: Data, start: ContinuousClock.Instant)?
    private var pauseCount = 0
    private let begin = ContinuousClock.now

    init(folder: URL, timing: RunLockTiming) { (self.folder, self.timing) = (folder, timing) }

    /// Whether the holder of a lock is gone; false, after a pause, if that is not known yet.
    ///
    /// - Throws: ``RunError/locked(folder:holder:since:)`` if it is there.
    mutating func isStale(
      _ content: Data, seenBy process: ProcessIdentity, announce: (String) -> Void
    ) throws -> Bool {
      let record = RunLockRecord(content)
      switch record.map({ process.sight(of: $0.process) }) ?? .outOfSight {
      case .gone: return true
      case .running:
        try requirePatience(content)
        return false
      case .outOfSight: break
      }
      guard let seen, RunLockRecord(seen.content)?.token == record?.token else {
        seen = (content, .now)
        announce(announcement(record))
        return false
      }
      if content != seen.content {
        try requirePatience(content)
        self.seen = (content, .now)
        return false
      }
      if ContinuousClock.now - seen.start >= timing.watch { return true }
      sleep()
      return false
    }

    /// Pauses where a holder may still go by itself.
    ///
    /// - Throws: ``RunError/locked(folder:holder:since:)`` where it has had the time.
    private func requirePatience(_ content: Data) throws {
      if ContinuousClock.now - begin >= timing.patience { throw locked(content) }
      sleep()
    }

    /// Waits for another process that removes the same lock.
    mutating func pause(_ content: Data) throws {
      pauseCount += 1
      // It takes a moment; one that needs longer than a watch has stopped on its way.
      if pauseCount > 50 { throw locked(content) }
      sleep()
    }

    private func sleep() { Thread.sleep(forTimeInterval: timing.look / .seconds(1)) }

    private func locked(_ content: Data) -> RunError {
      let record = RunLockRecord(content)
      return .locked(
        folder: folder.path, holder: record?.holder ?? "a process that writes \(fileName) there", since: record?.when)
    }

    private func announcement(_ record: RunLockRecord?) -> String {
      let seconds = Formatting.number(timing.watch / .seconds(1))
      return "output_dir \(folder.path) is held by "
        + (record.map { "\($0.holder), which cannot be seen from here" } ?? "a \(fileName) that cannot be read")
        + ": watching for \(seconds) s whether it is still in use"
    }
  }
}
