import Adapters
import Backbones
import Tasks

extension TaskAssembly {
  /// The batches of a recipe's training.
  ///
  /// - Parameter sharesPrefixes: Whether what examples of a part begin with is computed once.
  /// - Throws: `MixtureError`.
  public func batchPlan(of recipe: Recipe, sharesPrefixes: Bool) throws -> BatchPlan {
    try BatchPlan(
      exampleLengths: training.map(\.exampleLengths), mixing: recipe.mixing, weights: recipe.tasks.map(\.weight),
      trainBatchSize: recipe.trainBatchSize, microBatches: recipe.microBatches,
      seed: UInt64(bitPattern: Int64(recipe.seed)), sharing: sharesPrefixes ? Self.sequences(training, routes) : nil)
  }

  /// What computing shared beginnings once saves in a recipe's training.
  ///
  /// - Parameter adapter: What is trained; nil: the bare model.
  /// - Throws: `MixtureError`.
  public func sharingReport(
    of recipe: Recipe, adapter: AdapterConfiguration?, architecture: Architecture
  ) throws -> SharingReport {
    let obstacle = recipe.sharingObstacle(adapter: adapter, architecture: architecture)
    let plan = try batchPlan(of: recipe, sharesPrefixes: obstacle == nil)
    return SharingReport(
      training, plan: plan, isGrouped: recipe.mixing.group > 1, obstacle: obstacle,
      stepLimit: min(SharingReport.stepLimit, recipe.totalSteps(stepsPerEpoch: plan.stepsPerEpoch)),
      sharing: Self.sequences(training, routes))
  }

  /// What an example may have in common with others.
  static func sequences(
    _ training: [TokenizedTask], _ routes: TaskRoutes
  ) -> @Sendable (ExampleReference) -> PrefixTree.Sequence {
    { reference in
      let example = training[reference.task][reference.index]
      return PrefixTree.Sequence(route: routes.route(of: example, task: reference.task), tokens: example.inputIds)
    }
  }
}
