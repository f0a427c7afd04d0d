import Adapters
import Tensors

extension TrainingStep {
  /// What of a recipe a step depends on.
  public struct Options: Sendable, Equatable {
    /// Parts that a batch is cut in, whatever the ranks.
    public var partCount: Int
    /// What dropout and noise are keyed by.
    public var seed = 42
    /// The global norm that larger gradients are scaled down to; 0: they are not.
    public var maximumNorm = 1.0
    /// Losses on the token routers themselves.
    public var routerLosses = RouterLosses(balance: 0, z: 0)
    /// How the parts' gradients are summed.
    public var reduction = Recipe.Reduction.ordered
    /// What the sums of an ordered reduction are rounded to.
    public var reductionPrecision = Precision.fp32
    /// Whether activations are computed again in place of being kept.
    public var isCheckpointed = false
    /// Whether what examples of a part begin with is computed once.
    public var sharesPrefixes = false
    /// Whether every rank takes rank 0's trained numbers after each update: where processors differ, updates of the same
    /// gradient do so in their last bits.
    public var followsRankZero = false
    public var optimizer = OptimizerChoice.adamW(AdamW.Options())
    /// Bytes of the gradient, at least, that leave together while the rest is computed; nil: as suits the ranks.
    var bucketBytes: Int?

    public init(partCount: Int) { self.partCount = partCount }

    /// What a recipe asks for.
    public init(_ recipe: Recipe) {
      partCount = recipe.microBatches
      seed = recipe.seed
      maximumNorm = recipe.maxGradNorm
      routerLosses = RouterLosses(balance: recipe.routerBalanceLoss, z: recipe.routerZLoss)
      (reduction, reductionPrecision) = (recipe.reduction, recipe.reductionPrecision)
      isCheckpointed = recipe.activationCheckpointing
      optimizer = OptimizerChoice(recipe)
    }
  }
}
