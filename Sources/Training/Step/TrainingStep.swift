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
    /// Bytes each rank puts into the reduction of the gradient: four a number that the batch's tasks can touch.
    public let reducedBytes: Int
    /// m Σ f p, the mean over the token routers, if their losses are on: 1 when all experts are used alike.
    public let routerBalance: Double?
    /// Whether the parameters were left alone because a loss or gradient was not finite.
    public let wasSkipped: Bool
    /// Whether a rank was asked to stop.
    public let stopRequested: Bool
  }

  public let model: AdapterModel
  public let optimizer: AdamW
  public let objective: Objective
  /// Which of the adapter's tasks each of the training sets is.
  public var routes: TaskRoutes
  private let ranks: Ranks
  private let reduction: any GradientReduction
  private let span: Range<Int>
  private let maximumNorm: Double
  private let routerLosses: RouterLosses
  private let randomKey: RandomKey
  private var sums: StepSums
  private let taskCount: Int
  private var batch = PackedBatch()
  /// The tasks of the step before, whose rows still hold its gradients; nil: whatever the buffer holds is not ours.
  private var lastTasks: [Int]?

  /// - Parameter taskCount: Tasks that losses are told apart by.
  /// - Throws: ``RunError`` when there are too many ranks, or the recipe has keys for parameters the model has none of.
  public init(_ model: AdapterModel, recipe: Recipe, taskCount: Int, ranks: Ranks) throws {
    guard ranks.count <= recipe.microBatches else {
      throw RunError.tooManyRanks(ranks: ranks.count, microBatches: recipe.microBatches)
    }
    try recipe.requireUse(ofRoles: model)
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
    routes = TaskRoutes(taskCount: taskCount)
    maximumNorm = recipe.maxGradNorm
    routerLosses = RouterLosses(balance: recipe.routerBalanceLoss, z: recipe.routerZLoss)
    randomKey = RandomKey(seed: UInt64(bitPattern: Int64(recipe.seed)))
    sums = StepSums(partCount: recipe.microBatches, taskCount: taskCount)
  }

  /// Makes one step. Collective: every rank passes the same plan and rate.
  public func run(_ plan: StepPlan, training: [TokenizedTask], learningRate: Double) throws -> Outcome {
    let (tasks, touched) = objective.phases.measure(.plan) {
      let tasks = plan.routedTasks(of: training, routes)
      return (tasks, model.parameters.ranges(touchedBy: tasks))
    }
    let balance = routerLosses.isOn ? try countRouting(plan, training) : nil
    sums.reset()
    zeroGradients()
    lastTasks = tasks
    try reduction.begin(touched)
    for part in span {
      objective.phases.measure(.plan) { pack(plan.parts[part], from: training) }
      var loss = LossSums(taskCount: taskCount)
      let accounts = plan.parts[part].map { routes.account(of: training[$0.task][$0.index], task: $0.task) }
      objective.addGradient(of: batch, randomKey: randomKey, countedAs: accounts, to: &loss)
      sums.set(part: part, loss)
      sums.addTokens(batch.totalTokenCount)
      objective.phases.measure(.reduction) { reduction.add(part: part) }
    }
    if StopSignal.isSet { sums.requestStop() }
    try objective.phases.measure(.reduction) {
      try sums.reduce(over: ranks.world)
      try reduction.finish()
    }
    return objective.phases.measure(.update) {
      update(touched, tasks, learningRate: learningRate, routerBalance: balance)
    }
  }

  private func pack(_ part: [ExampleReference], from training: [TokenizedTask]) {
    batch.pack(part, from: training, routes: routes, for: model.backbone.architecture)
  }

  /// The routers' losses depend on the whole batch's routing: a forward pass more, of every rank's parts, counts it.
  private func countRouting(_ plan: StepPlan, _ training: [TokenizedTask]) throws -> Double {
    model.startCountingRouting()
    var labels = 0.0
    for part in span {
      pack(plan.parts[part], from: training)
      objective.phases.measure(.forward) { objective.countRouting(of: batch, randomKey: randomKey) }
      labels += Double(batch.labelCount)
    }
    var counts = model.takeRoutingCounts() + [labels]
    try ranks.world.allReduce(&counts, .sum)
    return model.setRouterLosses(routerLosses, counts: counts, labelCount: counts[counts.count - 1])
  }

  private func zeroGradients() {
    if let lastTasks {
      model.parameters.zeroGradients(touchedBy: lastTasks)
    } else {
      model.parameters.zeroGradients()
    }
  }

  private func update(
    _ touched: [Range<Int>], _ tasks: [Int], learningRate: Double, routerBalance: Double?
  ) -> Outcome {
    let total = sums.total
    let gradients = model.parameters.gradients
    // g = (Σ ∂ℓ) / (Σ labels), over every label token of every rank; zero where nothing was touched
    let squares = touched.reduce(0.0) { $0 + ck_sum_of_squares($1.count, gradients.baseAddress! + $1.lowerBound) }
    let norm = squares.squareRoot() / total.labelCount
    let isFinite = norm.isFinite && total.lossSum.isFinite
    if isFinite {
      // torch.nn.utils.clip_grad_norm_
      let clip = maximumNorm > 0 ? min(1, maximumNorm / (norm + 1e-6)) : 1
      optimizer.update(learningRate: learningRate, gradientScale: clip / total.labelCount, tasks: tasks)
    }
    return Outcome(
      sums: total, tokenCount: sums.tokenCount, gradientNorm: norm, reducedBytes: reduction.reducedByteCount,
      routerBalance: routerBalance, wasSkipped: !isFinite, stopRequested: sums.stopRequested)
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
    options.routerWeightDecay = routerWeightDecay
    // As with torch's LambdaLR, the schedule is a factor on every group's own peak.
    options.routerRateFactor = routerLearningRate.map { $0 / learningRate } ?? 1
    options.upProjectionRateFactor = loraplusLrRatio ?? 1
    options.isSparse = sparseUpdates
    return options
  }

  /// Throws for a key that concerns parameters of a kind that the model does not train.
  func requireUse(ofRoles model: AdapterModel) throws {
    func require(_ key: String, _ isStated: Bool, _ role: TrainableParameters.Role, _ kind: String) throws {
      let parameters = model.parameters
      let isTrained = parameters.entries.contains { entry in
        entry.role == role && parameters.trainedRanges.contains { $0.overlaps(entry.range) }
      }
      guard isStated, !isTrained else { return }
      throw RunError.noParameters(key: key, kind: kind, peftType: model.configuration?.peftType.rawValue ?? "null")
    }
    let adapter = model.configuration, noise = adapter?.drawsRouterNoise ?? false
    let isByToken = adapter?.routing == .token
    for (key, isStated, isUsed, kind) in [
      ("router_noise", !routerNoise, noise, "task routers with noise"),
      ("router_temperature", routerTemperature != 1, noise, "task routers with noise"),
      ("router_balance_loss", routerBalanceLoss > 0, isByToken, "token routers"),
      ("router_z_loss", routerZLoss > 0, isByToken, "token routers"),
      ("sparse_updates", sparseUpdates, model.parameters.taskCount > 0, "rows of single tasks"),
    ] where isStated && !isUsed {
      throw RunError.noParameters(key: key, kind: kind, peftType: adapter?.peftType.rawValue ?? "null")
    }
    try require("router_learning_rate", routerLearningRate != nil, .router, "routers")
    try require("router_weight_decay", routerWeightDecay != nil, .router, "routers")
    try require("loraplus_lr_ratio", loraplusLrRatio != nil, .upProjection, "up-projections (lora_B)")
  }
}
