import Adapters
import Backbones
import Foundation
import ModelTestSupport
import Tensors
import Testing

@testable import Tasks
@testable import Training

/// Training steps of small models with dropout, on the ranks of a job.
struct TrainingRuns {
  /// The environment variable that names the file for the trained numbers.
  static let fileVariable = "POLYAD_TEST_FILE"

  /// Far more than a step has.
  private static let routedTaskCount = 40

  private let ranks: Ranks
  private let recipe: Recipe
  private let tasks: [TokenizedTask]
  private let plan: BatchPlan

  init(_ ranks: Ranks) throws {
    var recipe = Recipe()
    (recipe.trainBatchSize, recipe.microBatches, recipe.seed) = (9, 5, 7)
    (recipe.learningRate, recipe.weightDecay, recipe.maxGradNorm) = (0.01, 0.1, 0)
    (self.ranks, self.recipe) = (ranks, recipe)
    tasks = (0..<3).map(Self.task)
    plan = try BatchPlan(
      exampleLengths: tasks.map(\.exampleLengths), trainBatchSize: 9, microBatches: 5, seed: 7)
  }

  private static func task(_ number: Int) -> TokenizedTask {
    var task = TokenizedTask(name: "task \(number)", split: .train, kind: .causal)
    for index in 0..<6 + number {
      let tokens = (0..<4 + (index * 5 + number) % 9).map { Int32(($0 * 7 + index * 3 + number) % 13) }
      let labels = tokens.indices.map { $0 < 3 ? -100 : tokens[$0] }
      task.append(TokenizedExample(id: "\(index)", inputIds: tokens[...], labels: labels[...], promptLength: 3))
    }
    return task
  }

  private func model(_ peftType: PEFTType = .lora) throws -> AdapterModel {
    var configuration = AdapterConfiguration(peftType: peftType)
    (configuration.adapterRank, configuration.loraDropout, configuration.taskCount) = (3, 0.2, Self.routedTaskCount)
    let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 2)
    model.scatterValues()
    return model
  }

  /// - Parameter bucketBytes: Bytes that leave together while the rest is computed; nil: all at the end.
  private func step(_ model: AdapterModel, _ recipe: Recipe, bucketBytes: Int? = nil) throws -> TrainingStep {
    var options = TrainingStep.Options(recipe)
    options.bucketBytes = bucketBytes
    return try TrainingStep(model, routes: TaskRoutes(taskCount: tasks.count), options: options, ranks: ranks)
  }

  /// AdamW's first moments, end to end.
  private func moments(_ step: TrainingStep) -> [Float] {
    step.optimizer.state.filter { $0.name.hasPrefix("exp_avg.") }.flatMap { Array($0.values) }
  }

  /// The trained numbers after a few steps; on the way the first step is held against its definition.
  func run() throws -> [Float] {
    let model = try model()
    let step = try step(model, recipe)
    try theFirstStepIsItsDefinition(step)
    for number in 1..<5 { _ = try step.run(plan.step(number), training: tasks, learningRate: 0.01) }
    try bucketsChangeNothing(model)
    thePhasesSumToTheSteps(step.phases)
    try aStepThatIsNotFiniteChangesNothing(step)
    try theNormIsClipped()
    try onlyWhatTrainsChanges()
    return Array(model.parameters.values)
  }

  /// The trained numbers of models that route by task, after steps that each have two tasks of forty.
  ///
  /// - Parameter bucketBytes: Bytes that leave together while the rest is computed; nil: all at the end.
  func runTaskRouted(bucketBytes: Int? = nil) throws -> [Float] {
    try [PEFTType.taskLoRA, .cPoly].flatMap { peftType in
      try [false, true].flatMap { isSparse in
        var recipe = recipe
        recipe.sparseUpdates = isSparse
        let model = try model(peftType), parameters = model.parameters, before = Array(parameters.values)
        let step = try step(model, recipe, bucketBytes: bucketBytes)
        // Every third batch of this plan is an epoch's small rest.
        for number in [0, 1, 3, 4, 6] {
          let parts = plan.step(number).parts.map { $0.filter { $0.task != number % 3 } }
          let outcome = try step.run(
            StepPlan(step: number, epoch: 0, parts: parts), training: tasks, learningRate: 0.01)
          let present = (0..<3).filter { $0 != number % 3 }
          #expect(outcome.reducedBytes == 4 * parameters.ranges(touchedBy: present).joined().count)
          #expect(outcome.reducedBytes < parameters.count && !outcome.wasSkipped)
          onlyPresentTasksHaveGradients(parameters, present)
        }
        // Dense, what no batch has decays; sparse, it stays.
        let unused = parameters.ranges(ofTask: 30).joined()
        #expect(unused.allSatisfy { (parameters.values[$0] == before[$0]) == isSparse })
        #expect(step.optimizer.counters.routeUpdates?.prefix(4) == (isSparse ? [2, 3, 5, 0] : nil))
        return Array(parameters.values)
      }
    }
  }

  private func onlyPresentTasksHaveGradients(_ parameters: TrainableParameters, _ tasks: [Int]) {
    var gradients = Array(parameters.gradients)
    for index in parameters.ranges(touchedBy: tasks).joined() { gradients[index] = 0 }
    #expect(gradients.allSatisfy { $0 == 0 })
    for task in tasks { #expect(parameters.ranges(ofTask: task).joined().contains { parameters.gradients[$0] != 0 }) }
  }

  /// g = (Σ ∂ℓ) / (Σ labels) over the whole batch in one part, and one AdamW update from it.
  private func theFirstStepIsItsDefinition(_ step: TrainingStep) throws {
    let outcome = try step.run(plan.step(0), training: tasks, learningRate: 0.01)
    let other = try model()
    var batch = PackedBatch(), sums = LossSums(accountCount: tasks.count)
    batch.pack(
      plan.step(0).parts.flatMap { $0 }, from: tasks, routes: TaskRoutes(taskCount: tasks.count), for: .decoderOnly)
    Objective(other).addGradient(of: batch, randomKey: RandomKey(seed: 7), to: &sums)
    #expect(outcome.tokenCount == batch.tokenCount)
    #expect(outcome.reducedBytes == 4 * other.parameters.count)
    #expect(outcome.sums.counts == sums.counts)
    for (found, expected) in zip(outcome.sums.losses, sums.losses) { #expect(abs(found - expected) < 1e-5 * expected) }
    let norm = other.parameters.gradients.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() / sums.labelCount
    #expect(abs(outcome.gradientNorm - norm) < 1e-5 * norm)
    OptimizerChoice(recipe).make(for: other.parameters).update(learningRate: 0.01, gradientScale: 1 / sums.labelCount)
    // Sums in another order; Adam turns the smallest gradients into steps as large as any other's.
    #expect(relativeDistance(step.model.parameters.values, other.parameters.values) < 1e-4)
    #expect(!outcome.wasSkipped && !outcome.stopRequested)
  }

  /// However small the buckets, and whichever leave early.
  private func bucketsChangeNothing(_ trained: AdapterModel) throws {
    for bytes in [4, 200] {
      let model = try model(), step = try step(model, recipe, bucketBytes: bytes)
      for number in 0..<5 { _ = try step.run(plan.step(number), training: tasks, learningRate: 0.01) }
      #expect(Array(model.parameters.values) == Array(trained.parameters.values), "buckets of \(bytes) bytes")
    }
  }

  private func thePhasesSumToTheSteps(_ phases: PhaseTimer) {
    let sum = phases.seconds.reduce(0) { $0 + $1.seconds }
    #expect(abs(sum - phases.totalSeconds) < 1e-12 * sum)  // the same durations, rounded one by one
    for name in ["plan", "linear", "linear_backward", "wait", "reduction", "optimizer", "other"] {
      #expect(phases.seconds.contains { $0.name == name && $0.seconds > 0 }, "\(name)")
    }
  }

  private func aStepThatIsNotFiniteChangesNothing(_ step: TrainingStep) throws {
    let values = step.model.parameters.values, before = Array(values), counters = step.optimizer.counters
    let moments = moments(step)
    values[0] = .nan
    let outcome = try step.run(plan.step(5), training: tasks, learningRate: 0.01)
    #expect(outcome.wasSkipped)
    values[0] = before[0]
    #expect(Array(values) == before && step.optimizer.counters == counters)
    #expect(self.moments(step) == moments)
  }

  private func onlyWhatTrainsChanges() throws {
    let model = try model(), before = Array(model.parameters.values), trained = model.parameters.entries[1].range
    model.parameters.restrictTraining(to: [trained])
    let step = try step(model, recipe)
    for number in 0..<2 {
      let outcome = try step.run(plan.step(number), training: tasks, learningRate: 0.01)
      #expect(outcome.reducedBytes == 4 * trained.count && outcome.gradientNorm > 0)
    }
    let changed = before.indices.filter { model.parameters.values[$0] != before[$0] }
    #expect(changed.count > trained.count / 2 && changed.allSatisfy(trained.contains))
  }

  /// After one update the first moment is a tenth of the gradient used.
  private func theNormIsClipped() throws {
    var recipe = recipe
    recipe.maxGradNorm = 0.01
    let step = try step(model(), recipe)
    let outcome = try step.run(plan.step(0), training: tasks, learningRate: 0.01)
    let used = moments(step).reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() * 10
    #expect(outcome.gradientNorm > 0.02)
    #expect(abs(used - 0.01) < 1e-5)  // PyTorch divides by the norm plus 1e-6
  }
}
