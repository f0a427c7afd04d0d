import MessagePassing
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct JobTests {
  private let ranks = "MessagePassingTests.RankTests"

  @Test(arguments: 1...4) func everyCollectiveHoldsOnRanks(rankCount: Int) throws {
    let outcome = try RankProcesses.run("collectives", of: ranks, rankCount: rankCount)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("on \(rankCount) ranks every collective was tried"), "\(outcome.output)")
  }

  @Test(arguments: [1, 2, 3]) func anErrorOnOneRankEndsTheJobWithItsCodeAndOneLine(failingRank: Int) throws {
    let outcome = try RankProcesses.run("rank \(failingRank) fails", of: ranks, rankCount: 4)
    #expect(outcome.exitCode == Int32(failingRank) + 2, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank \(failingRank) of 4 on "), "\(outcome.output)")
    #expect(outcome.output.contains(": the file is not there\n"), "\(outcome.output)")
    #expect(!outcome.output.contains("MPI_ABORT was invoked"), "\(outcome.output)")
  }

  @Test func anErrorOnEveryRankIsPrintedOnce() throws {
    let outcome = try RankProcesses.run("all fail", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == 75, "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "the file is not there").count == 2, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank 0 of 3 on "), "\(outcome.output)")
  }

  @Test(arguments: [0, 2]) func anErrorOnOneRankIsToldByRank0AtOnce(failingRank: Int) throws {
    let outcome = try RankProcesses.run("watched: rank \(failingRank) fails", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == Int32(failingRank) + 2, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank \(failingRank) of 3 on "), "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "polyad:").count == 2, "\(outcome.output)")
  }

  @Test func anErrorOnEveryWatchedRankIsPrintedOnce() throws {
    let outcome = try RankProcesses.run("watched: all fail", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == 2, "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "the file is not there").count == 2, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank 0 of 3 on "), "\(outcome.output)")
  }

  @Test(arguments: [0, 1, 2]) func aStoppedRankEndsTheJobThoughTheOthersSitInMPI(rank: Int) throws {
    let outcome = try RankProcesses.run("watched: rank \(rank) stops", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == 5, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank \(rank) of 3 on "), "\(outcome.output)")
    #expect(outcome.output.contains(" has given no sign of life"), "\(outcome.output)")
    #expect(outcome.output.contains("The job ends. All is saved.\n"), "\(outcome.output)")
    if rank > 0 { #expect(outcome.output.contains("step 7, waits for others"), "\(outcome.output)") }
  }

  @Test(arguments: [0, 1]) func aKilledRankIsNamed(rank: Int) throws {
    let outcome = try RankProcesses.run("watched: rank \(rank) dies", of: ranks, rankCount: 3)
    #expect(outcome.exitCode != 0, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: rank \(rank) of 3 on "), "\(outcome.output)")
    #expect(outcome.output.contains(" is gone: its process ended without a word"), "\(outcome.output)")
  }

  @Test func aRankThatPausesIsTakenBack() throws {
    let outcome = try RankProcesses.run("watched: rank 1 pauses", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("the job ends after 2.0 s (hang_timeout)"), "\(outcome.output)")
    #expect(outcome.output.contains(" is heard again\n"), "\(outcome.output)")
  }

  @Test func aRankThatWorksForLongIsLeftAlone() throws {
    let outcome = try RankProcesses.run("watched: rank 1 works", of: ranks, rankCount: 3)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(!outcome.output.contains("polyad:"), "\(outcome.output)")
  }

  @Test func aProcessAloneFailsWithoutNamingItsRank() throws {
    let outcome = try RankProcesses.run("all fail", of: ranks, rankCount: 1)
    #expect(outcome.exitCode == 75, "\(outcome.output)")
    #expect(outcome.output.contains("polyad: the file is not there\n"), "\(outcome.output)")
  }

  @Test(arguments: [["PMI_SIZE": "3", "PMI_RANK": "1"], ["SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "3"]])
  func processesThatMPIDoesNotConnectAreAnError(environment: [String: String]) throws {
    let outcome = try RankProcesses.run("start", of: ranks, rankCount: 1, environment: environment)
    #expect(outcome.output.contains("refused: 3 processes were started"), "\(outcome.output)")
  }

  @Test func aSlurmStepOfOneTaskWorksAlone() throws {
    let step = [
      "SLURM_JOB_ID": "1", "SLURM_JOBID": "1", "SLURM_STEP_ID": "0", "SLURM_STEPID": "0", "SLURM_NODELIST": "node",
      "SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1",
    ]
    let outcome = try RankProcesses.run("start", of: ranks, rankCount: 1, environment: step)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("started rank 0 of 1"), "\(outcome.output)")
  }

  @Test func aSharedFolderTooSmallIsAnErrorOnEveryRank() throws {
    let outcome = try RankProcesses.run("window too large", of: ranks, rankCount: 2)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.components(separatedBy: "refused: A shared window needs ").count == 3, "\(outcome.output)")
  }
}
