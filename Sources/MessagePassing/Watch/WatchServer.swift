import Glibc

/// Rank 0's side of the watch: hears all ranks, answers them, and ends the job. Its methods are one thread's.
final class WatchServer {
  let port: UInt16
  private let watch: Watch
  private let secret: String
  private let listener: CInt
  private var table: WatchTable
  private var connections: [(rank: Int, link: WatchConnection)] = []
  /// Connections that have not said who they are, and since when.
  private var strangers: [(since: Double, link: WatchConnection)] = []
  /// Errors that ranks have told of, and when the first came.
  private var failures: [Int: Watch.Failure] = [:]
  private var failedAt = Double.infinity
  private var lastLook = Watch.now, lastBeat = 0.0

  /// Seconds that other ranks have, after the first error, to tell of theirs.
  private static let gathering = 0.3

  /// nil where there is no network.
  init?(_ watch: Watch, hosts: [String], secret: String) {
    guard let (descriptor, port) = WatchSocket.listen(backlog: hosts.count + 16) else { return nil }
    (self.watch, self.secret, self.port, listener) = (watch, secret, port, descriptor)
    table = WatchTable(hosts: hosts, timeout: watch.timeout, now: Watch.now)
  }

  deinit { close(listener) }

  func run() {
    while !(watch.isFinished && table.isEveryoneDone) {
      let links = strangers.map(\.link) + connections.map(\.link)
      WatchSocket.wait(
        for: [listener, watch.wake] + links.filter(\.isOpen).map(\.descriptor),
        seconds: failedAt.isFinite ? 0.05 : watch.interval / 2)
      watch.calm()
      look(Watch.now)
    }
  }

  private func look(_ now: Double) {
    (table.timeout, table.grace) = (watch.timeout, watch.grace)
    // Stopped, or starved, itself: others may have spoken meanwhile.
    let gap = now - lastLook
    if gap > 2 + 2 * watch.interval { table.forgive(gap) }
    lastLook = now
    accept(now)
    for (rank, link) in connections { read(rank, link, now) }
    connections.removeAll { !$0.link.isOpen }
    table.hear(0, Activity.report, now: now)
    if watch.isFinished { table.finish(0) }
    if let own = watch.takeFailure() { note(0, own, now) }
    if now - lastBeat >= watch.interval {
      lastBeat = now
      let concern = table.concern(now: now)
      for (_, link) in connections { link.send(WatchFrame(kind: .beat, text: concern)) }
    }
    for (_, link) in connections { link.flush() }
    conclude(now)
  }

  private func accept(_ now: Double) {
    while let descriptor = WatchSocket.accept(from: listener) { strangers.append((now, WatchConnection(descriptor))) }
    strangers.removeAll { since, link in
      for frame in link.receive() {
        guard frame.kind == .hello, frame.text == secret, table.hosts.indices.contains(frame.rank) else { return true }
        link.send(WatchFrame(kind: .beat))
        connections.append((frame.rank, link))
        table.hear(frame.rank, frame.report, now: now)
        return true
      }
      return !link.isOpen || now - since > 10
    }
  }

  private func read(_ rank: Int, _ link: WatchConnection, _ now: Double) {
    for frame in link.receive() {
      switch frame.kind {
      case .beat: table.hear(rank, frame.report, now: now)
      case .failure: note(rank, Watch.Failure(code: frame.code, text: frame.text), now)
      case .done: table.finish(rank)
      case .hello, .end: break
      }
    }
    if !link.isOpen { table.close(rank, now: now) }
  }

  private func note(_ rank: Int, _ failure: Watch.Failure, _ now: Double) {
    failures[rank] = failure
    failedAt = min(failedAt, now)
  }

  // MARK: The end

  private func conclude(_ now: Double) {
    let findings = table.look(now: now)
    let ending = findings.filter(\.ends)
    for finding in findings where !finding.ends { tell(finding, now) }
    if !failures.isEmpty, now >= failedAt + Self.gathering {
      // An error of MPI's is what a lost rank leaves behind: of that one there is more to say.
      let lost = table.goneRank.map { WatchTable.Finding.gone(rank: $0) }
      if let lost, failures.values.allSatisfy({ $0.code == Self.lostCode }) {
        end(lost, now)
      } else if let (rank, failure) = toldFailure {
        end(["\(table.name(rank)): \(failure.text)"], code: failure.code)
      }
    } else if failures.isEmpty, let finding = ending.first {
      end(finding, now)
    }
  }

  /// The exit code of a job that has lost a rank.
  private static let lostCode: Int32 = 5

  private func tell(_ finding: WatchTable.Finding, _ now: Double) {
    let text = table.text(finding, now: now)
    if case .late = finding {
      watch.say([text] + table.lines(now: now).map { "  " + $0 })
    } else {
      watch.say([text])
    }
  }

  private func end(_ finding: WatchTable.Finding, _ now: Double) -> Never {
    let remedy = Activity.currentRemedy
    let isGone = if case .gone = finding { true } else { false }
    end(
      (isGone ? [] : ["the ranks at this moment:"] + table.lines(now: now).map { "  " + $0 })
        + [table.text(finding, now: now) + " The job ends." + (remedy.isEmpty ? "" : " " + remedy)],
      code: Self.lostCode)
  }

  /// One error stands for all: what others met beside it is the same, or follows from it. The first rank's, of those
  /// that are no mere consequence of a rank that is lost.
  private var toldFailure: (rank: Int, failure: Watch.Failure)? {
    let sorted = failures.sorted { $0.key < $1.key }
    return (sorted.first { $0.value.code != Self.lostCode } ?? sorted.first).map { ($0.key, $0.value) }
  }

  private func end(_ lines: [String], code: Int32) -> Never {
    for (_, link) in connections { link.send(WatchFrame(kind: .end, code: code)) }
    watch.end(lines, code: code)
  }
}
