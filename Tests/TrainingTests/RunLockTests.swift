import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Training

struct RunLockTests {
  /// Short enough for a test, long enough for a busy machine not to lose every beat of a watch.
  static let timing = RunLockTiming(beat: .milliseconds(20), watch: .seconds(1))
  static let own = ProcessIdentity.own

  /// A process of another machine, which this one cannot see.
  static let foreign = ProcessIdentity(
    host: "node2", pid: 17, startTime: 5, bootId: "another", pidNamespace: own.pidNamespace)

  /// A process of this machine that has ended: its number is another's now.
  static let ended = ProcessIdentity(
    host: own.host, pid: own.pid, startTime: own.startTime + 1, bootId: own.bootId, pidNamespace: own.pidNamespace)

  /// A folder whose lock is taken here, with the lines that were said.
  struct Folder {
    let url: URL
    var file: URL { url.appending(path: RunLock.fileName) }

    /// Takes the lock; nil, with the error, if another holds it.
    func take(
      as process: ProcessIdentity = own, job: String? = nil, timing: RunLockTiming = timing
    ) throws -> (lock: RunLock, announced: [String], remarks: [String]) {
      var announced: [String] = []
      var remarks: [String] = []
      let lock = try RunLock.take(url, as: process, job: job, timing: timing) {
        announced.append($0)
      } remark: {
        remarks.append($0)
      }
      return (lock, announced, remarks)
    }

    /// Leaves a lock behind, as a process does that dies.
    func leave(_ process: ProcessIdentity, job: String? = nil) throws {
      try RunLockRecord(process, job: job).content.write(to: file)
    }

    var record: RunLockRecord? { (try? Data(contentsOf: file)).flatMap { RunLockRecord($0) } }
    var exists: Bool { FileManager.default.fileExists(atPath: file.path) }
  }

  private func with(_ body: (Folder) throws -> Void) throws {
    try withTemporaryFolder { try body(Folder(url: $0)) }
  }

  private func seconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    return (ContinuousClock.now - start) / .seconds(1)
  }

  private func waits(_ condition: () -> Bool) -> Bool {
    for _ in 0..<500 where !condition() { usleep(10_000) }
    return condition()
  }

  @Test func aSecondJobOfThisMachineIsRefusedAtOnce() throws {
    try with { folder in
      let (lock, announced, remarks) = try folder.take(job: "4711")
      #expect(announced.isEmpty && remarks.isEmpty)
      let since = try #require(folder.record?.when)
      let took = seconds {
        #expect(
          throws: RunError.locked(
            folder: folder.url.path, holder: "process \(getpid()) on \(Self.own.host) (job 4711)", since: since)
        ) { try folder.take(timing: RunLockTiming()) }
      }
      #expect(took < 5, "it is not watched, which takes 10 s")
      lock.release()
      #expect(!folder.exists)
      try folder.take().lock.release()
    }
  }

  @Test func theLockBeatsUntilItIsReleased() throws {
    try with { folder in
      let lock = try folder.take().lock
      let first = try Data(contentsOf: folder.file)
      #expect(waits { (folder.record?.beat ?? 0) > 11 })
      #expect(try Data(contentsOf: folder.file).count == first.count)
      try lock.requireOwn(isSaving: true)
      lock.release()
      usleep(100_000)
      #expect(!folder.exists)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.url.path).isEmpty)
    }
  }

  @Test func aLockOfAnEndedProcessIsTakenOverAtOnce() throws {
    try with { folder in
      try folder.leave(Self.ended, job: "12")
      let took = try seconds {
        let (lock, announced, remarks) = try folder.take(timing: RunLockTiming())
        #expect(announced.isEmpty)
        #expect(
          remarks == [
            "took over output_dir from process \(getpid()) on \(Self.own.host) (job 12), which is gone"
          ])
        #expect(folder.record?.process == Self.own)
        lock.release()
      }
      #expect(took < 5, "it is not watched, which takes 10 s")
    }
  }

  /// A process that has ended keeps its number until its parent takes note.
  @Test func aProcessIsSeenAliveUntilItEnds() throws {
    #expect(Self.own.sight(of: Self.own) == .running)
    #expect(Self.own.sight(of: Self.ended) == .gone)
    #expect(Self.own.sight(of: Self.foreign) == .outOfSight)
    let unknown = ProcessIdentity(host: "", pid: Self.own.pid, startTime: 0, bootId: "", pidNamespace: "")
    #expect(unknown.sight(of: unknown) == .outOfSight)

    var pid: pid_t = 0
    var arguments = [strdup("true"), nil]
    defer { free(arguments[0]) }
    try #require(posix_spawnp(&pid, "true", nil, nil, &arguments, environ) == 0)
    var information = siginfo_t()
    try #require(waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) == 0)
    let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    let start = try #require(UInt64(text.split(separator: " ")[21]))
    let child = ProcessIdentity(
      host: Self.own.host, pid: pid, startTime: start, bootId: Self.own.bootId, pidNamespace: Self.own.pidNamespace)
    #expect(Self.own.sight(of: child) == .gone)
    waitpid(pid, nil, 0)
    #expect(Self.own.sight(of: child) == .gone)
  }

  @Test func aLockOfAnotherMachineIsHeldAsLongAsItBeats() throws {
    try with { folder in
      let lock = try folder.take(as: Self.foreign, job: "9").lock
      let since = try #require(folder.record?.when)
      var announced: [String] = []
      #expect(
        throws: RunError.locked(folder: folder.url.path, holder: "process 17 on node2 (job 9)", since: since)
      ) {
        try RunLock.take(folder.url, job: nil, timing: Self.timing) {
          announced.append($0)
        } remark: { _ in
        }
      }
      #expect(
        announced == [
          "output_dir \(folder.url.path) is held by process 17 on node2 (job 9), which cannot be seen from here: "
            + "watching for 1 s whether it is still in use"
        ])
      lock.release()
    }
  }

  @Test func aLockOfAnotherMachineThatDoesNotBeatIsTakenOver() throws {
    try with { folder in
      try folder.leave(Self.foreign)
      let took = try seconds {
        let (lock, announced, remarks) = try folder.take()
        #expect(announced.count == 1)
        #expect(remarks == ["took over output_dir from process 17 on node2, which is gone"])
        lock.release()
      }
      #expect(took >= 1, "the whole watch")
    }
  }

  @Test(arguments: ["", "{\"host\": \"no", "\u{0}\u{0}"])
  func aLockThatCannotBeReadIsWatchedAndTakenOver(text: String) throws {
    try with { folder in
      try Data(text.utf8).write(to: folder.file)
      let (lock, announced, remarks) = try folder.take()
      #expect(
        announced == [
          "output_dir \(folder.url.path) is held by a run.lock that cannot be read: watching for 1 s whether it is still "
            + "in use"
        ])
      #expect(remarks == ["took over output_dir from a process that left an unreadable run.lock and is gone"])
      lock.release()
    }
  }

  @Test(arguments: [ended, foreign])
  func oneOfManyTakesOver(left: ProcessIdentity) throws {
    try with { folder in
      try folder.leave(left)
      let outcomes = Mutex<(locks: [RunLock], refusals: Int)>(([], 0))
      let timing = RunLockTiming(beat: .milliseconds(20), watch: .milliseconds(200))
      let threads = (0..<12).map { _ in
        let done = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
          do {
            let lock = try folder.take(timing: timing).lock
            outcomes.withLock { $0.locks.append(lock) }
          } catch {
            if case RunError.locked = error { outcomes.withLock { $0.refusals += 1 } }
          }
          done.signal()
        }
        return done
      }
      for thread in threads { thread.wait() }
      outcomes.withLock {
        #expect($0.locks.count == 1 && $0.refusals == 11)
        for lock in $0.locks {
          #expect(throws: Never.self) { try lock.requireOwn(isSaving: true) }
          lock.release()
        }
      }
    }
  }

  @Test func aJobThatStoodStillWritesNothingMore() throws {
    try with { folder in
      let lock = try folder.take(timing: RunLockTiming(beat: .seconds(3600), watch: .seconds(10))).lock
      try folder.leave(Self.foreign, job: "9")
      // Between two beats only what is about to be saved makes it look.
      try lock.requireOwn()
      let loss = RunError.lockLost(folder: folder.url.path, holder: "process 17 on node2 (job 9)")
      #expect(throws: loss) { try lock.requireOwn(isSaving: true) }
      #expect(throws: loss) { try lock.requireOwn() }
      lock.release()
      #expect(folder.record?.process == Self.foreign)
    }
  }

  @Test func aBeatSeesThatTheLockIsLost() throws {
    try with { folder in
      let lock = try folder.take().lock
      try FileManager.default.removeItem(at: folder.file)
      try folder.leave(Self.foreign)
      #expect(waits { (try? lock.requireOwn()) == nil })
      #expect(folder.record?.process == Self.foreign && folder.record?.beat == 0)
      lock.release()
      #expect(folder.exists)
    }
  }

  /// Who has stood still for as long as others watch cannot know who came and went.
  @Test func aLockThatIsMissingIsPutBackInTimeAlone() throws {
    try with { folder in
      let lock = try folder.take().lock
      try FileManager.default.removeItem(at: folder.file)
      #expect(waits { folder.record?.process == Self.own })
      try lock.requireOwn(isSaving: true)
      lock.release()
      #expect(!folder.exists)

      let slow = try folder.take(timing: RunLockTiming(beat: .seconds(3600), watch: .seconds(1))).lock
      try FileManager.default.removeItem(at: folder.file)
      #expect(throws: RunError.lockLost(folder: folder.url.path, holder: nil)) { try slow.requireOwn(isSaving: true) }
      slow.release()
    }
  }

  @Test func theJobIsTheSchedulersOrTheLaunchers() {
    #expect(RunLockRecord.job(of: ["SLURM_JOB_ID": "7", "PMIX_NAMESPACE": "8"]) == "7")
    #expect(RunLockRecord.job(of: ["PMIX_NAMESPACE": "8", "OMPI_MCA_ess_base_jobid": "9"]) == "8")
    #expect(RunLockRecord.job(of: [:]) == nil)
  }

  @Test func theRecordIsOneObjectOfFixedLength() throws {
    var record = RunLockRecord(Self.foreign, job: "9", now: Date(timeIntervalSince1970: 0))
    let content = record.content
    let object = try #require(try JSONSerialization.jsonObject(with: content) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "host", "pid", "start_time", "boot_id", "pid_namespace", "job", "when", "token", "beat",
      ])
    #expect(object["host"] as? String == "node2" && object["pid"] as? Int == 17 && object["beat"] as? Int == 0)
    #expect(object["when"] as? String == "1970-01-01T00:00:00Z")
    record.beat = 1_000_000
    #expect(RunLockRecord(record.content) == record && record.content.count == content.count)
    let without = RunLockRecord(Self.foreign, job: nil)
    #expect(RunLockRecord(without.content) == without && without.holder == "process 17 on node2")
  }
}
