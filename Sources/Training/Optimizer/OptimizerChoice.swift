import Tensors

/// Which optimizer trains, with its options.
public enum OptimizerChoice: Sendable, Equatable {
  case adamW(AdamW.Options)

  /// What a recipe asks for.
  public init(_ recipe: Recipe) { self = .adamW(AdamW.Options(recipe)) }

  /// The optimizer of what `parameters` trains by now.
  public func make(for parameters: TrainableParameters) -> any Optimizer {
    switch self {
    case .adamW(let options): AdamW(parameters, options: options)
    }
  }
}

extension AdamW.Options {
  fileprivate init(_ recipe: Recipe) {
    (beta1, beta2, epsilon) = (recipe.adamBeta1, recipe.adamBeta2, recipe.adamEpsilon)
    groups = ParameterGroups(recipe)
    isSparse = recipe.sparseUpdates
  }
}

extension ParameterGroups {
  fileprivate init(_ recipe: Recipe) {
    weightDecay = recipe.weightDecay
    routerWeightDecay = recipe.routerWeightDecay
    // As with torch's LambdaLR, the schedule is a factor on every group's own peak.
    routerRateFactor = recipe.routerLearningRate.map { $0 / recipe.learningRate } ?? 1
    upProjectionRateFactor = recipe.loraplusLrRatio ?? 1
  }
}
