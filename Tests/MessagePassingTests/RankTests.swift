import Foundation
import MessagePassing
import TestSupport
import Testing

/// What each rank of a job runs; started by ``JobTests``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob != nil))
struct RankTests {
  @Test(.enabled(if: RankProcesses.ownJob == "collectives")) func collectivesAgreeWithPlainLoops() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      try CollectiveChecks(world: world).run()
      try SharedWindowChecks(world: world).run()
      if world.rank == 0 { print("on \(world.size) ranks every collective was tried") }
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob?.hasSuffix("fails") == true)) func oneRankFails() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    let failingRank = RankProcesses.ownJob?.split(separator: " ").compactMap { Int($0) }.first
    environment.job.run(exitCode: { _ in Int32(world.rank) + 2 }) {
      if world.rank == failingRank { throw FileMissing() }
      try world.barrier()
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "all fail")) func allRanksFail() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    environment.job.run(exitCode: { _ in 75 }) { throw FileMissing() }
  }

  /// A job "watched: rank R does THIS", or "watched: all fail".
  @Test(.enabled(if: RankProcesses.ownJob?.hasPrefix("watched:") == true)) func aRankIsLost() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world, words = RankProcesses.ownJob?.split(separator: " ").map(String.init) ?? []
    environment.job.run(exitCode: { _ in Int32(world.rank) + 2 }) {
      try Watch.start(over: world, environment.job, network: "")
      Watch.current?.timeout = 2
      Activity.setRemedy("All is saved.")
      Activity.begin(.step, step: 7)
      if words.suffix(2) == ["all", "fail"] { throw FileMissing() }
      if words[2] == "\(world.rank)" {
        switch words[3] {
        case "fails": throw FileMissing()
        case "stops": while true { raise(SIGSTOP) }
        case "pauses":
          let waker = Process()
          waker.executableURL = URL(filePath: "/bin/sh")
          waker.arguments = ["-c", "sleep 1.2; kill -CONT \(getpid())"]
          try waker.run()
          raise(SIGSTOP)
          usleep(1_000_000)  // so that the others are still there when it is heard
        case "works": usleep(5_000_000)
        default: raise(SIGKILL)
        }
      }
      try world.barrier()
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "start")) func aJobStartsOrSaysWhyNot() {
    do {
      let environment = try MPIEnvironment(threadLevel: .serialized)
      print("started rank \(environment.job.rank) of \(environment.job.rankCount)")
    } catch {
      print("refused: \(error)")
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "window too large")) func aWindowLargerThanItsFolderIsRefused() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    do {
      _ = try SharedWindow(byteCount: 1 << 60, on: try environment.world.splitByNode())
    } catch {
      FileHandle.standardError.write(Data("refused: \(error)\n".utf8))
    }
  }
}

private struct FileMissing: Error, CustomStringConvertible {
  var description: String { "the file is not there" }
}
