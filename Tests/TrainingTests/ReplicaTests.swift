import Foundation
import MessagePassing
import ModelTestSupport
import Tensors
import TestSupport
import Testing

@testable import Adapters
@testable import Tasks
@testable import Training

/// Starts jobs whose ranks come to hold different numbers; what each rank does is in ``ReplicaRanks``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct ReplicaTests {
  @Test(arguments: [1, 2, 3]) func aReplicaThatDriftsIsFoundAndNamed(rankCount: Int) throws {
    let outcome = try RankProcesses.run("replicas", of: "TrainingTests.ReplicaRanks", rankCount: rankCount)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("on \(rankCount) ranks replicas were compared"), "\(outcome.output)")
  }
}

/// What each rank runs.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == "replicas"))
struct ReplicaRanks {
  private static func step(_ ranks: Ranks, follows: Bool) throws -> (step: TrainingStep, run: () throws -> Void) {
    let configuration = AdapterConfiguration(peftType: .lora)
    let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 2)
    model.scatterValues()
    var options = TrainingStep.Options(partCount: 3)
    options.followsRankZero = follows
    let step = try TrainingStep(model, routes: TaskRoutes(taskCount: 1), options: options, ranks: ranks)
    let examples = (0..<6).map { index in
      let tokens = (0..<7).map { Int32(($0 * 5 + index) % 13) }
      return TokenizedExample(id: "\(index)", inputIds: tokens[...], labels: tokens[...], promptLength: 0)
    }
    let task = TokenizedTask(name: "task", split: .train, kind: .causal, examples)
    let plan = try BatchPlan(exampleLengths: [task.exampleLengths], trainBatchSize: 6, microBatches: 3, seed: 7)
    return (step, { _ = try step.run(plan.step(0), training: [task], learningRate: 0.01) })
  }

  @Test func replicasAreCompared() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      let ranks = try Ranks(environment)
      try drift(ranks)
      try follow(ranks)
      if world.rank == 0 { print("on \(world.size) ranks replicas were compared") }
    }
  }

  /// One bit of one number of the last rank, as a fault of its memory would change it.
  private func drift(_ ranks: Ranks) throws {
    let (step, run) = try Self.step(ranks, follows: false)
    let parameters = step.model.parameters, check = ReplicaCheck(parameters: parameters, ranks: ranks)
    try run()
    try check.require(step: 1, checkpoint: nil)
    let entry = parameters.entries[1]
    if ranks.rank == ranks.count - 1 {
      let place = entry.range.upperBound - 1
      parameters.values[place] = Float(bitPattern: parameters.values[place].bitPattern ^ 1)
    }
    guard ranks.count > 1 else { return try check.require(step: 2, checkpoint: nil) }
    let place = "\(ranks.job.host) (rank \(ranks.count - 1))"
    #expect(
      throws: RunError.ranksDiffer(
        step: 2, parameter: entry.name, places: place, isMajority: ranks.count > 2, checkpoint: "/a/checkpoint-1")
    ) { try check.require(step: 2, checkpoint: "/a/checkpoint-1") }
    try step.followRankZero()
    try check.require(step: 2, checkpoint: nil)
  }

  /// Where processors differ, every rank has rank 0's numbers after a step, whatever it had before.
  private func follow(_ ranks: Ranks) throws {
    let (step, run) = try Self.step(ranks, follows: true)
    let values = step.model.parameters.values
    if ranks.rank > 0 { values[0] += 0.001 * Float(ranks.rank) }
    try run()
    #expect(try ReplicaCheck(parameters: step.model.parameters, ranks: ranks).finding() == nil)
    let first = try ranks.world.broadcast(values[0])
    #expect(values[0] == first)
  }
}
