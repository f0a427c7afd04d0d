import Adapters
import Backbones
import CKernels
import Tasks
import Tensors

/// One optimizer step over all ranks: parts forward and backward, reduction, division by the label count, clipping,
/// AdamW.
public final class TrainingStep {
  /// What a step did.
  public struct Outcome: Sendable {
    /// Losses and labels of the whole batch.
    public let sums: LossSums
    /// Real tokens of the whole batch.
    public let tokenCount: Int
    /// Global norm of the mean loss's gradient, before clipping.
    public let gradientNorm: Double
    /// Whether the parameters were left alone because a loss or gradient was not finite.
    public let wasSkipped: Bool
    /// Whether a rank was asked to stop.
    public let stopRequested: Bool
  }

  public let model: AdapterModel
  public let optimizer: AdamW
  public let objective: Objective
  private let ranks: Ranks
  private let reduction: any GradientReduction
  private let span: Range<Int>
  private let maximumNorm: Double
  private let randomKey: RandomKey
  private var sums: StepSums
  private let taskCount: Int
  private var batch = PackedBatch()

  /// - Parameter taskCount: Tasks that losses are told apart by.
  public init(_ model: AdapterModel, recipe: Recipe, taskCount: Int, ranks: Ranks) throws {
    guard ranks.count <= recipe.microBatches else {
      throw RunError.tooManyRanks(ranks: ranks.count, microBatches: recipe.microBatches)
    }
    (self.model, self.ranks, self.taskCount) = (model, ranks, taskCount)
    optimizer = AdamW(model.parameters, options: recipe.optimizerOptions)
    objective = Objective(model)
    span = ReductionTree(partCount: recipe.microBatches, rankCount: ranks.count).span(of: ranks.rank)
    reduction =
      switch recipe.reduction {
      case .ordered:
        try OrderedReduction(model.parameters.gradients, partCount: recipe.microBatches, ranks.world)
      case .mpi: PlainReduction(model.parameters.gradients, ranks.world)
      }
    maximumNorm = recipe.maxGradNorm
    randomKey = RandomKey(seed: UInt64(bitPattern: Int64(recipe.seed)))
    sums = StepSums(partCount: recipe.microBatches, taskCount: taskCount)
  }

  /// Makes one step. Collective: every rank passes the same plan and rate.
  public func run(_ plan: StepPlan, training: [TokenizedTask], learningRate: Double) throws -> Outcome {
    sums.reset()
    model.parameters.zeroGradients()
    for part in span {
      objective.phases.measure(.plan) { batch.pack(plan.parts[part], from: training) }
      var loss = LossSums(taskCount: taskCount)
      objective.addGradient(of: batch, randomKey: randomKey, to: &loss)
      sums.set(part: part, loss)
      sums.addTokens(batch.tokenCount)
      objective.phases.measure(.reduction) { reduction.add(part: part) }
    }
    if StopSignal.isSet { sums.requestStop() }
    try objective.phases.measure(.reduction) {
      try sums.reduce(over: ranks.world)
      try reduction.finish()
    }
    return objective.phases.measure(.update) { update(learningRate: learningRate) }
  }

  private func update(learningRate: Double) -> Outcome {
    let total = sums.total
    let gradients = model.parameters.gradients
    // g = (Σ ∂ℓ) / (Σ labels), over every label token of every rank
    let norm = ck_sum_of_squares(gradients.count, gradients.baseAddress!).squareRoot() / total.labelCount
    let isFinite = norm.isFinite && total.lossSum.isFinite
    if isFinite {
      // torch.nn.utils.clip_grad_norm_
      let clip = maximumNorm > 0 ? min(1, maximumNorm / (norm + 1e-6)) : 1
      optimizer.update(learningRate: learningRate, gradientScale: clip / total.labelCount)
    }
    return Outcome(
      sums: total, tokenCount: sums.tokenCount, gradientNorm: norm, wasSkipped: !isFinite,
      stopRequested: sums.stopRequested)
  }
}

extension Recipe {
  /// The recipe's AdamW options.
  var optimizerOptions: AdamW.Options {
    var options = AdamW.Options()
    options.beta1 = adamBeta1
    options.beta2 = adamBeta2
    options.epsilon = adamEpsilon
    options.weightDecay = weightDecay
    return options
  }
}
