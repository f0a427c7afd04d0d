import Testing

@testable import MessagePassing

/// Times are given, so that nothing here waits.
struct WatchTableTests {
  private let hosts = ["node1", "node1", "node2"]

  private func table(timeout: Double = 30, heard: [Int] = [1, 2]) -> WatchTable {
    var table = WatchTable(hosts: hosts, timeout: timeout, now: 0)
    for rank in heard { table.hear(rank, working(1), now: 0) }
    return table
  }

  private func working(_ step: Int, moves: UInt64 = 0) -> ActivityReport {
    ActivityReport(kind: .step, step: step, waits: false, moves: moves)
  }

  private func waiting(_ step: Int) -> ActivityReport { ActivityReport(kind: .step, step: step, waits: true, moves: 9) }

  @Test func aRankThatIsHeardIsNeverToldOfHoweverLongItsWork() {
    var table = table()
    for second in 1...3600 {
      for rank in 0..<3 { table.hear(rank, working(1, moves: UInt64(second)), now: Double(second)) }
      #expect(table.look(now: Double(second)) == [])
    }
  }

  @Test func aSilentRankIsToldOfOnceThenEndsTheJob() {
    var table = table()
    table.hear(1, working(7), now: 29)
    table.hear(2, working(7), now: 5)
    #expect(table.look(now: 14.9) == [])
    #expect(table.look(now: 15) == [.late(rank: 2)])
    #expect(table.look(now: 20) == [])
    #expect(table.look(now: 35) == [.silent(rank: 2)])
    #expect(
      table.text(.late(rank: 2), now: 15)
        == "rank 2 of 3 on node2 has given no sign of life for 10 s, in step 7; the job ends after 30 s (hang_timeout)")
    #expect(
      table.text(.silent(rank: 2), now: 35)
        == "rank 2 of 3 on node2 has given no sign of life for 30 s, in step 7: the process is stopped, or its host or "
        + "network is down.")
  }

  @Test func aRankThatIsHeardAgainIsTold() {
    var table = table()
    table.hear(1, working(1), now: 29)
    #expect(table.look(now: 12) == [.late(rank: 2)])
    table.hear(2, working(2), now: 13)
    #expect(table.look(now: 13) == [.heardAgain(rank: 2)])
    #expect(table.look(now: 14) == [])
    #expect(table.text(.heardAgain(rank: 2), now: 13) == "rank 2 of 3 on node2 is heard again")
  }

  /// mpirun may end rank 0 because of another rank's host: then that one is to be named.
  @Test func whoEndsWithoutRankZeroKnowsOfWhomItWasInDoubt() {
    var table = table()
    table.hear(1, working(1), now: 29)
    #expect(table.concern(now: 12) == "")
    _ = table.look(now: 12)
    let concern = table.concern(now: 18.2)
    #expect(concern == "rank 2 of 3 on node2 had given no sign of life for 18 s")
    #expect(
      table.textOfLostMain(concern: concern)
        == "rank 2 of 3 on node2 had given no sign of life for 18 s when rank 0 of 3 on node1 ended: that rank, or its "
        + "host or network, is lost.")
    #expect(
      table.textOfLostMain(concern: "") == "rank 0 of 3 on node1 is gone: its process ended without a word.")
    table.hear(2, working(2), now: 19)
    _ = table.look(now: 19)
    #expect(table.concern(now: 20) == "")
  }

  @Test func noTimeLimitEndsNothing() {
    var table = table(timeout: .infinity)
    #expect(table.look(now: 1e6).filter(\.ends) == [])
  }

  @Test func aRankWhoseProcessIsGoneEndsTheJobAfterAMoment() {
    var table = table()
    table.close(1, now: 10)
    #expect(table.goneRank == 1)
    table.hear(2, working(3), now: 10)
    #expect(table.look(now: 10.3).filter(\.ends) == [])
    #expect(table.look(now: 10.5) == [.gone(rank: 1)])
    #expect(
      table.text(.gone(rank: 1), now: 10.5)
        == "rank 1 of 3 on node1 is gone: its process ended without a word, in step 1.")
  }

  @Test func aRankThatHasFinishedMayGo() {
    var table = table()
    table.finish(1)
    table.close(1, now: 10)
    #expect(table.goneRank == nil)
    table.hear(2, working(3), now: 100)
    #expect(table.look(now: 100) == [])
    table.finish(0)
    #expect(!table.isEveryoneDone)
    table.finish(2)
    #expect(table.isEveryoneDone)
  }

  @Test func aRankThatNeverReachedUsIsNotWaitedFor() {
    var table = table(heard: [1])
    table.hear(1, working(3), now: 100)
    #expect(table.look(now: 100) == [])
    #expect(table.lines(now: 100).last == "2     node2  starting  100 s  not watched")
  }

  @Test func whoWasStoppedItselfBlamesNobody() {
    var table = table()
    table.forgive(100)
    #expect(table.look(now: 100) == [])
    #expect(table.look(now: 111) == [.late(rank: 1), .late(rank: 2)])
  }

  @Test func theOneThatAllWaitForIsNamedOnceAndEndsNothing() {
    var table = table()
    for second in 1...200 {
      table.hear(0, waiting(4), now: Double(second))
      table.hear(1, waiting(4), now: Double(second))
      table.hear(2, working(4), now: Double(second))
      let findings = table.look(now: Double(second))
      #expect(findings == (second == 61 ? [.slow(rank: 2)] : []), "\(second)")
    }
    #expect(
      table.text(.slow(rank: 2), now: 61)
        == "the other ranks wait for rank 2 of 3 on node2, which is alive, in step 4, and has not come to its end for "
        + "60 s")
  }

  @Test func ranksThatAllWaitForEachOtherEndTheJobAtLast() {
    var table = table(timeout: 5)
    for second in 1...300 {
      for rank in 0..<3 { table.hear(rank, waiting(4), now: Double(second)) }
      #expect(table.look(now: Double(second)) == [])
    }
    for rank in 0..<3 { table.hear(rank, waiting(4), now: 301) }
    #expect(table.look(now: 301) == [.stuck])
    #expect(table.text(.stuck, now: 301).hasPrefix("all ranks have waited for each other for 300 s: "))
  }

  @Test func theTableShowsPlaceWorkAndSilence() {
    var table = table()
    table.hear(0, waiting(12), now: 20)
    table.hear(1, ActivityReport(kind: .saving, step: 12), now: 19.6)
    table.hear(2, working(12), now: 8)
    #expect(
      table.lines(now: 21) == [
        "rank  host   doing                      since  last heard",
        "0     node1  step 12, waits for others  1.0 s  now",
        "1     node1  saving after step 12       1.4 s  1.4 s ago",
        "2     node2  step 12                    13 s   13 s ago",
      ])
  }

  @Test func aLargeJobsTableShowsThoseThatAreLate() {
    var table = WatchTable(hosts: (0..<200).map { "node\($0 / 4)" }, timeout: 30, now: 0)
    for rank in 1..<200 { table.hear(rank, waiting(3), now: rank == 150 ? 1 : 20) }
    let lines = table.lines(now: 20)
    #expect(lines.count == 26)
    #expect(lines.contains { $0.hasPrefix("150") && $0.hasSuffix("19 s ago") })
    #expect(lines.last == "and 176 ranks more, all of them heard")
  }
}
