/// What rank 0 knows of all ranks, and what follows from it: who is late, lost or stuck.
///
/// Times are seconds of one clock that never goes back.
struct WatchTable {
  /// Something to be told.
  enum Finding: Equatable {
    /// No sign of life for a third of the time limit.
    case late(rank: Int)
    /// One that was late has been heard.
    case heardAgain(rank: Int)
    /// The others wait for a rank that is alive and at work.
    case slow(rank: Int)
    /// The job ends: the rank's process is gone.
    case gone(rank: Int)
    /// The job ends: no sign of life for as long as is allowed.
    case silent(rank: Int)
    /// The job ends: all ranks wait for each other.
    case stuck

    var ends: Bool {
      switch self {
      case .gone, .silent, .stuck: true
      case .late, .heardAgain, .slow: false
      }
    }
  }

  private enum State: Equatable {
    case watched, unreachable, closed(at: Double), done
  }

  private struct Row {
    var state = State.unreachable
    var report = ActivityReport()
    var heard: Double
    var moved: Double
    var isLate = false
    var isToldSlow = false
  }

  let hosts: [String]
  /// Seconds without a sign of life after which the job ends; infinite: never.
  var timeout: Double
  /// Seconds between the end of a rank's process and that of the job.
  var grace = 0.4
  private var rows: [Row]

  /// Seconds that others wait for a rank before it is told.
  static let slowness = 60.0
  /// All ranks wait for each other for this many time limits, and so many seconds at least, before the job ends: large
  /// gradients may travel long.
  static let stuckTimeouts = 10.0, stuckSeconds = 300.0

  /// - Parameter now: When it is made.
  init(hosts: [String], timeout: Double, now: Double) {
    (self.hosts, self.timeout) = (hosts, timeout)
    rows = hosts.map { _ in Row(heard: now, moved: now) }
    rows[0].state = .watched
  }

  // MARK: What is seen

  mutating func hear(_ rank: Int, _ report: ActivityReport, now: Double) {
    if rows[rank].state == .unreachable { rows[rank].state = .watched }
    rows[rank].heard = now
    guard report != rows[rank].report else { return }
    rows[rank].report = report
    rows[rank].moved = now
    rows[rank].isToldSlow = false
  }

  mutating func close(_ rank: Int, now: Double) {
    if rows[rank].state == .watched { rows[rank].state = .closed(at: now) }
  }

  mutating func finish(_ rank: Int) { rows[rank].state = .done }

  /// This process was stopped for some seconds itself: whom it did not hear meanwhile may have spoken.
  mutating func forgive(_ seconds: Double) {
    for rank in rows.indices {
      rows[rank].heard += seconds
      rows[rank].moved += seconds
    }
  }

  /// A rank whose process is gone, if there is one.
  var goneRank: Int? {
    rows.firstIndex { if case .closed = $0.state { true } else { false } }
  }

  var isEveryoneDone: Bool { rows.allSatisfy { $0.state == .done || $0.state == .unreachable } }

  // MARK: What follows

  /// What has to be told now, each thing once.
  mutating func look(now: Double) -> [Finding] {
    var findings: [Finding] = []
    for rank in rows.indices {
      if case .closed(let time) = rows[rank].state, now >= time + grace { findings.append(.gone(rank: rank)) }
      guard rows[rank].state == .watched, rank > 0 else { continue }
      let silence = now - rows[rank].heard
      if silence >= timeout {
        findings.append(.silent(rank: rank))
      } else if silence >= timeout / 3, !rows[rank].isLate {
        rows[rank].isLate = true
        findings.append(.late(rank: rank))
      } else if silence < timeout / 3, rows[rank].isLate {
        rows[rank].isLate = false
        findings.append(.heardAgain(rank: rank))
      }
    }
    if let rank = slowRank(now) {
      rows[rank].isToldSlow = true
      findings.append(.slow(rank: rank))
    }
    if isStuck(now) { findings.append(.stuck) }
    return findings
  }

  /// The rank that all others have waited for, if that is worth telling.
  private func slowRank(_ now: Double) -> Int? {
    let working = rows.indices.filter { !rows[$0].report.waits }
    guard rows.count > 1, working.count == 1, let rank = working.first, !rows[rank].isToldSlow,
      rows[rank].state == .watched, !rows[rank].isLate
    else { return nil }
    let others = rows.indices.filter { $0 != rank }.map { now - rows[$0].moved }
    return others.min() ?? 0 >= Self.slowness ? rank : nil
  }

  private func isStuck(_ now: Double) -> Bool {
    rows.count > 1
      && rows.allSatisfy {
        $0.report.waits && $0.state != .done && now - $0.moved >= max(Self.stuckTimeouts * timeout, Self.stuckSeconds)
      }
  }

  // MARK: Texts

  /// "rank 2 of 4 on node2".
  func name(_ rank: Int) -> String { "rank \(rank) of \(rows.count) on \(hosts[rank])" }

  /// Of the first rank that is late, what the others are to know of it if rank 0 ends; empty where none is.
  func concern(now: Double) -> String {
    guard let rank = rows.indices.first(where: { rows[$0].isLate && rows[$0].state == .watched }) else { return "" }
    return "\(name(rank)) had given no sign of life for \(seconds(silence(rank, now: now)))"
  }

  /// What a rank says of rank 0, which has ended without a word.
  ///
  /// - Parameter concern: Rank 0's ``concern(now:)``, when it was last heard.
  func textOfLostMain(concern: String) -> String {
    concern.isEmpty
      ? "\(name(0)) is gone: its process ended without a word."
      : "\(concern) when \(name(0)) ended: that rank, or its host or network, is lost."
  }

  /// Seconds since a rank's last sign of life.
  func silence(_ rank: Int, now: Double) -> Double { now - rows[rank].heard }

  /// A finding in one sentence.
  func text(_ finding: Finding, now: Double) -> String {
    switch finding {
    case .late(let rank):
      "\(name(rank)) has given no sign of life for \(seconds(silence(rank, now: now))), in \(rows[rank].report.text); "
        + "the job ends after \(seconds(timeout)) (hang_timeout)"
    case .heardAgain(let rank): "\(name(rank)) is heard again"
    case .slow(let rank):
      "the other ranks wait for \(name(rank)), which is alive, in \(rows[rank].report.text), and has not come to its "
        + "end for \(seconds(now - rows[rank].moved))"
    case .gone(let rank): "\(name(rank)) is gone: its process ended without a word, in \(rows[rank].report.text)."
    case .silent(let rank):
      "\(name(rank)) has given no sign of life for \(seconds(silence(rank, now: now))), in \(rows[rank].report.text): "
        + "the process is stopped, or its host or network is down."
    case .stuck:
      "all ranks have waited for each other for \(seconds(rows.map { now - $0.moved }.min() ?? 0)): the network, or "
        + "the program, is stuck."
    }
  }

  /// Rows of the table at most: late ones first, then those that are at work.
  private static let rowLimit = 24

  /// The ranks as a table: place, host, what it does, when it was heard.
  func lines(now: Double) -> [String] {
    func weight(_ row: Row) -> Int {
      if row.state != .watched { return 0 }
      return now - row.heard >= min(timeout / 3, 5) ? 1 : row.report.waits ? 3 : 2
    }
    let order = rows.indices.sorted { (weight(rows[$0]), $0) < (weight(rows[$1]), $1) }
    let shown = order.prefix(Self.rowLimit).sorted()
    let cells =
      [["rank", "host", "doing", "since", "last heard"]]
      + shown.map { rank in
        let row = rows[rank]
        let doing = row.report.text + (row.report.waits ? ", waits for others" : "")
        return ["\(rank)", hosts[rank], doing, seconds(now - row.moved), heard(row, rank, now)]
      }
    let widths = (0..<5).map { column in cells.map { $0[column].count }.max() ?? 0 }
    let lines = cells.map { row in
      zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ").trimmingEnd
    }
    let rest = rows.count - shown.count
    return lines + (rest > 0 ? ["and \(rest) ranks more, all of them heard"] : [])
  }

  private func heard(_ row: Row, _ rank: Int, _ now: Double) -> String {
    switch row.state {
    case .unreachable: "not watched"
    case .done: "has finished"
    case .closed: "gone"
    case .watched: rank == 0 ? "now" : "\(seconds(now - row.heard)) ago"
    }
  }

  private func seconds(_ value: Double) -> String {
    value < 9.95 ? "\((value * 10).rounded() / 10) s" : "\(Int(value.rounded())) s"
  }
}

extension String {
  fileprivate var trimmingEnd: String {
    var result = self
    while result.last == " " { result.removeLast() }
    return result
  }
}
