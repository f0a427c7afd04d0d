import Foundation
import MessagePassing
import ModelTestSupport
import Tensors
import TestSupport
import Testing

@testable import Training

/// Starts jobs of several ranks; what each rank does is in ``ReductionRankTests``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct OrderedReductionTests {
  private let ranks = "TrainingTests.ReductionRankTests"

  @Test(arguments: 1...4) func sumsHaveTheBitsOfOneProcess(rankCount: Int) throws {
    let outcome = try RankProcesses.run("sums", of: ranks, rankCount: rankCount)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("on \(rankCount) ranks every sum was tried"), "\(outcome.output)")
  }

  @Test func whatTasksTouchHasTheBitsOfAWholeReductionOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("task rows", rankCount: $0) }
    #expect(files[0].count == 4 * 4 * (8 * 5 + 12 * 3 + 3 * 3 + 6 * 2))
    #expect(Set(files).count == 1)
  }

  @Test func trainingStepsWriteTheSameBytesOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("training", rankCount: $0) }
    #expect(files[0].count == 4 * 2 * (3 * 8 + 24 * 3))
    #expect(Set(files).count == 1)
  }

  @Test func modelsRoutedByTaskAreTrainedToTheSameBytesOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("routed training", rankCount: $0) }
    #expect(!files[0].isEmpty && Set(files).count == 1)
  }

  /// Operations are cut by their shapes alone, so threads, and ranks of several threads, change nothing.
  @Test func trainingStepsWriteTheSameBytesOnAnyNumberOfRanksAndThreads() throws {
    let files = try [(1, 1), (1, 2), (1, 3), (1, 5), (2, 1), (2, 2)].map { ranks, threads in
      try write(
        "threads", rankCount: ranks, environment: [ThreadedTrainingRuns.threadsVariable: "\(threads)"])
    }
    #expect(!files[0].isEmpty && Set(files).count == 1)
  }

  /// What rank 0 of a job writes.
  private func write(_ job: String, rankCount: Int, environment: [String: String] = [:]) throws -> Data {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "numbers")
      let outcome = try RankProcesses.run(
        job, of: ranks, rankCount: rankCount,
        environment: environment.merging([TrainingRuns.fileVariable: file.path]) { $1 })
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      return try Data(contentsOf: file)
    }
  }
}

/// What each rank of a job runs.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob != nil))
struct ReductionRankTests {
  @Test(.enabled(if: RankProcesses.ownJob == "sums")) func everySumIsThatOfOneProcess() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      for partCount in [world.size, world.size + 1, 7, 8] {
        for count in [1, 3, 1000] {
          try ordered(world, partCount: partCount, count: count)
          try plain(world, partCount: partCount, count: count)
        }
      }
      if world.rank == 0 { print("on \(world.size) ranks every sum was tried") }
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "training")) func stepsAreTrained() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      try write(TrainingRuns(Ranks(environment)).run(), world)
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "routed training")) func stepsOfRoutedModelsAreTrained() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) { try write(TrainingRuns(Ranks(environment)).runTaskRouted(), world) }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "threads")) func stepsAreTrainedOnThreads() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) { try write(ThreadedTrainingRuns(Ranks(environment)).run(), world) }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "task rows")) func rowsOfTasksAreReducedAndUpdated() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) { try write(TaskRowRuns(world: world).run(), world) }
  }

  private func write(_ values: [Float], _ world: Communicator) throws {
    let file = ProcessInfo.processInfo.environment[TrainingRuns.fileVariable]!
    if world.rank == 0 { try values.withUnsafeBytes { try Data($0).write(to: URL(filePath: file)) } }
  }

  /// The gradient of one part: numbers of very different size.
  private func gradient(_ part: Int, count: Int, round: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    let key = RandomKey(seed: UInt64(part)).child(UInt64(round))
    values.withUnsafeMutableBufferPointer { key.fillNormal($0, standardDeviation: part % 2 == 0 ? 1000 : 0.01) }
    return values
  }

  /// Runs two rounds, since a reduction serves for every step, and returns each round's sum.
  private func run(
    _ reduction: any GradientReduction, _ buffer: UnsafeMutableBufferPointer<Float>, parts: Range<Int>
  ) throws -> [[Float]] {
    try (0..<2).map { round in
      buffer.update(repeating: 0)
      try reduction.begin([buffer.indices])
      for part in parts {
        for (index, value) in gradient(part, count: buffer.count, round: round).enumerated() { buffer[index] += value }
        reduction.add(part: part)
      }
      try reduction.finish()
      return Array(buffer)
    }
  }

  private func expected(_ partCount: Int, _ count: Int, round: Int) -> [Float] {
    neighbourSum((0..<partCount).map { gradient($0, count: count, round: round) }) { zip($0, $1).map { $0 + $1 } }
  }

  private func ordered(_ world: Communicator, partCount: Int, count: Int) throws {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { buffer.deallocate() }
    let reduction = try OrderedReduction(buffer, partCount: partCount, world)
    let parts = ReductionTree(partCount: partCount, rankCount: world.size).span(of: world.rank)
    for (round, sum) in try run(reduction, buffer, parts: parts).enumerated() {
      #expect(sum == expected(partCount, count, round: round), "\(partCount) parts, \(count) numbers")
    }
  }

  private func plain(_ world: Communicator, partCount: Int, count: Int) throws {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { buffer.deallocate() }
    let parts = ReductionTree(partCount: partCount, rankCount: world.size).span(of: world.rank)
    for (round, sum) in try run(PlainReduction(buffer, world), buffer, parts: parts).enumerated() {
      // The same addends in another order.
      #expect(relativeDistance(sum, expected(partCount, count, round: round)) < 1e-5)
    }
  }
}
