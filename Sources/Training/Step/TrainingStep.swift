import Adapters
import Backbones
import Tasks
import Tensors

/// One optimizer step over all ranks: parts forward and backward, reduction, division by the label count, clipping,
/// update.
public final class TrainingStep {
  /// What a step did.
  public struct Outcome: Sendable {
    /// Losses and labels of the whole batch.
    public let sums: LossSums
    /// Real tokens of the whole batch.
    public let tokenCount: Int
    /// Those that were computed: what examples share once.
    public let computedTokenCount: Int
    /// Global norm of the mean loss's gradient, before clipping.
    public let gradientNorm: Double
    /// Bytes each rank puts into the reduction of the gradient: four a number that the batch's routes can touch, two in
    /// bf16.
    public let reducedBytes: Int
    /// m Σ f p, the mean over the token routers, if their losses are on: 1 when all experts are used alike.
    public let routerBalance: Double?
    /// Whether the parameters were left alone because a loss or gradient was not finite.
    public let wasSkipped: Bool
    /// Whether a rank was asked to stop.
    public let stopRequested: Bool
  }

  public let model: AdapterModel
  public let optimizer: any Optimizer
  public let objective: Objective
  /// Where the time of this rank's steps goes.
  public let phases = PhaseTimer()
  private let taskRoutes: TaskRoutes
  private let options: Options
  private let ranks: Ranks
  private let reduction: any GradientReduction
  /// Sends what is complete while the rest is computed; nil: the gradient leaves as one when all is done.
  private let departure: BucketDeparture?
  private let span: Range<Int>
  private let randomKey: RandomKey
  private var sums: StepSums
  private var batch = PackedBatch()
  /// The routes of the step before, whose rows still hold its gradients; nil: whatever the buffer holds is not ours.
  private var lastRoutes: [Int]?

  /// - Parameters:
  ///   - routes: What routes the examples of the training sets, and where their losses are counted.
  ///   - options: With at least one part for each of the ranks.
  /// - Throws: `MPIError`.
  public init(_ model: AdapterModel, routes: TaskRoutes, options: Options, ranks: Ranks) throws {
    (self.model, self.options, self.ranks) = (model, options, ranks)
    taskRoutes = routes
    optimizer = options.optimizer.make(for: model.parameters)
    objective = Objective(model, isCheckpointed: options.isCheckpointed, phases: phases)
    span = ReductionTree(partCount: options.partCount, rankCount: ranks.count).span(of: ranks.rank)
    reduction =
      switch options.reduction {
      case .ordered:
        try OrderedReduction(
          model.parameters.gradients, partCount: options.partCount, precision: options.reductionPrecision, ranks.world)
      case .mpi: PlainReduction(model.parameters.gradients, partCount: options.partCount, ranks.world)
      }
    if let bytes = Self.bucketBytes(options, ranks) {
      departure = BucketDeparture(reduction, BucketCutting(model, byteCount: bytes), phases: phases)
    } else {
      departure = nil
    }
    randomKey = RandomKey(seed: UInt64(bitPattern: Int64(options.seed)))
    sums = StepSums(partCount: options.partCount, accountCount: routes.accountCount)
  }

  /// Bytes of a bucket at least; nil: the gradient leaves as one. Ranks of one host copy it themselves, so what would
  /// go on beside the computation takes its time from it; a network works by itself.
  private static func bucketBytes(_ options: Options, _ ranks: Ranks) -> Int? {
    guard ranks.count > 1 else { return nil }
    return options.bucketBytes ?? (ranks.spanHosts ? BucketCutting.byteCount(rankCount: ranks.count) : nil)
  }

  /// Releases what MPI holds; no step follows. Collective.
  public func free() throws { try reduction.free() }

  /// Makes one step. Collective: every rank passes the same plan and rate.
  public func run(_ plan: StepPlan, training: [TokenizedTask], learningRate: Double) throws -> Outcome {
    try phases.measure(.other) { try measuredRun(plan, training, learningRate: learningRate) }
  }

  private func measuredRun(_ plan: StepPlan, _ training: [TokenizedTask], learningRate: Double) throws -> Outcome {
    let (routes, touched) = phases.measure(.plan) {
      let routes = plan.routes(of: training, taskRoutes)
      return (routes, model.parameters.ranges(touchedBy: routes))
    }
    let balance = options.routerLosses.isOn ? try countRouting(plan, training) : nil
    sums.reset()
    zeroGradients()
    lastRoutes = routes
    if let departure { try departure.begin(touched) } else { try reduction.begin([touched]) }
    for part in span {
      phases.measure(.plan) { pack(plan.parts[part], from: training) }
      var loss = LossSums(accountCount: taskRoutes.accountCount)
      let accounts = plan.parts[part].map { taskRoutes.account(of: training[$0.task][$0.index], task: $0.task) }
      let isLast = part == span.upperBound - 1
      objective.addGradient(
        of: batch, randomKey: randomKey, accounts: accounts, to: &loss, completed: isLast ? departure?.complete : nil)
      // What failed on the way is told before anything else is asked of MPI.
      try departure?.check()
      sums.set(part: part, loss)
      sums.addTokens(batch.exampleTokenCount, computed: batch.totalTokenCount)
      try phases.measure(.reduction) { try reduction.add(part: part) }
    }
    if StopSignal.isSet { sums.requestStop() }
    try phases.measure(.wait) { try sums.reduce(over: ranks.world) }
    try phases.measure(.reduction) { try reduction.finish() }
    let outcome = try phases.measure(.optimizer) {
      try update(touched, routes, learningRate: learningRate, routerBalance: balance)
    }
    if options.followsRankZero { try phases.measure(.wait) { try followRankZero() } }
    return outcome
  }

  /// Gives rank 0's trained numbers to all. Collective.
  func followRankZero() throws {
    let parameters = model.parameters
    for range in parameters.trainedRanges {
      try ranks.world.broadcast(parameters.values.part(range.lowerBound, range.count))
    }
  }

  private func pack(_ part: [ExampleReference], from training: [TokenizedTask]) {
    batch.pack(
      part, from: training, routes: taskRoutes, for: model.backbone.architecture,
      sharesPrefixes: options.sharesPrefixes)
  }

  /// The routers' losses depend on the whole batch's routing: a forward pass more, of every rank's parts, counts it.
  private func countRouting(_ plan: StepPlan, _ training: [TokenizedTask]) throws -> Double {
    model.startCountingRouting()
    var labels = 0.0
    for part in span {
      pack(plan.parts[part], from: training)
      objective.countRouting(of: batch, randomKey: randomKey)
      labels += Double(batch.labelCount)
    }
    var counts = model.takeRoutingCounts() + [labels]
    try phases.measure(.wait) { try ranks.world.allReduce(&counts, .sum) }
    return model.setRouterLosses(options.routerLosses, counts: counts, labelCount: counts[counts.count - 1])
  }

  private func zeroGradients() {
    if let lastRoutes {
      model.parameters.zeroGradients(touchedBy: lastRoutes)
    } else {
      model.parameters.zeroGradients()
    }
  }

  private func update(
    _ touched: [Range<Int>], _ routes: [Int], learningRate: Double, routerBalance: Double?
  ) throws -> Outcome {
    let total = sums.total
    let gradients = model.parameters.gradients
    // g = (Σ ∂ℓ) / (Σ labels), over every label token of every rank; zero where nothing was touched
    let squares = touched.reduce(0.0) { $0 + gradients.part($1.lowerBound, $1.count).sumOfSquares }
    let norm = squares.squareRoot() / total.labelCount
    var isFinite = norm.isFinite && total.lossSum.isFinite
    // At the edge of what a number holds, kinds of processors may see it otherwise.
    if options.followsRankZero { isFinite = try ranks.world.broadcast(Int32(isFinite ? 1 : 0)) == 1 }
    if isFinite {
      // torch.nn.utils.clip_grad_norm_
      let clip = options.maximumNorm > 0 ? min(1, options.maximumNorm / (norm + 1e-6)) : 1
      optimizer.update(learningRate: learningRate, gradientScale: clip / total.labelCount, routes: routes)
    }
    return Outcome(
      sums: total, tokenCount: sums.tokenCount, computedTokenCount: sums.computedTokenCount, gradientNorm: norm,
      reducedBytes: reduction.reducedByteCount, routerBalance: routerBalance, wasSkipped: !isFinite,
      stopRequested: sums.stopRequested)
  }
}
