import Adapters
import Backbones
import Foundation
import ModelTestSupport
import Tensors
import Testing

@testable import Tasks
@testable import Training

/// Training steps of a model large enough for every operation to be cut, on the ranks and threads of a job.
struct ThreadedTrainingRuns {
  /// The environment variable that names the number of threads.
  static let threadsVariable = "POLYAD_TEST_THREADS"

  private static var configuration: GPT2Configuration {
    var configuration = TestModel.smallConfiguration
    (configuration.vocabularySize, configuration.positionCount) = (301, 160)
    (configuration.width, configuration.headCount, configuration.innerWidth) = (72, 3, 200)
    return configuration
  }

  private let ranks: Ranks
  private let tasks: [TokenizedTask]

  init(_ ranks: Ranks) {
    self.ranks = ranks
    tasks = (0..<3).map { number in
      var task = TokenizedTask(name: "task \(number)", split: .train, kind: .causal)
      for index in 0..<5 {
        // A beginning that a task's examples have in common, and an end of their own.
        let tokens = (0..<90 + 13 * index + number).map { Int32(($0 * 7 + ($0 < 60 ? 0 : index * 31) + number) % 301) }
        let labels = tokens.indices.map { $0 % 3 == 0 ? -100 : tokens[$0] }
        task.append(TokenizedExample(id: "\(index)", inputIds: tokens[...], labels: labels[...], promptLength: 3))
      }
      return task
    }
  }

  /// The trained numbers of several methods after two steps, without shared beginnings and with them.
  func run() throws -> [Float] {
    Threads.setCount(Int(ProcessInfo.processInfo.environment[Self.threadsVariable]!)!)
    return try [false, true].flatMap { try run(sharesPrefixes: $0) }
  }

  private func run(sharesPrefixes: Bool) throws -> [Float] {
    var recipe = Recipe()
    (recipe.trainBatchSize, recipe.microBatches, recipe.seed, recipe.weightDecay) = (7, 2, 7, 0.1)
    let routes = TaskRoutes(taskCount: tasks.count)
    let plan = try BatchPlan(
      exampleLengths: tasks.map(\.exampleLengths), trainBatchSize: 7, microBatches: 2, seed: 7,
      sharing: sharesPrefixes ? TaskAssembly.sequences(tasks, routes) : nil)
    var options = TrainingStep.Options(recipe)
    options.sharesPrefixes = sharesPrefixes
    return try [PEFTType.lora, .moLoRA, .moDE, .cPoly, .poly, .ia3, .full].flatMap { peftType in
      var configuration = AdapterConfiguration(peftType: peftType)
      (configuration.adapterRank, configuration.loraDropout, configuration.taskCount) = (4, 0.1, 3)
      let model = try AdapterModel(configuration, backbone: TestModel.random(Self.configuration), seed: 2)
      if peftType != .full { model.scatterValues() }
      let before = Array(model.parameters.values)
      let step = try TrainingStep(model, routes: routes, options: options, ranks: ranks)
      for number in 0..<2 {
        let outcome = try step.run(plan.step(number), training: tasks, learningRate: 0.01)
        #expect(!outcome.wasSkipped && outcome.tokenCount > 600)
        #expect((outcome.computedTokenCount < outcome.tokenCount - 100) == sharesPrefixes)
      }
      #expect(Array(model.parameters.values) != before)
      return Array(model.parameters.values)
    }
  }
}
