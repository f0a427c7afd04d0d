import Adapters
import Backbones
import Foundation
import MessagePassing
import Tasks
import Tensors
import Tokenizers

/// Measures training steps as `polyad bench step` reports them: of a recipe, or of a shape on real task lengths.
///
/// Of a shape, prompts and answers have at most `maximumLength` tokens, batches a fixed number of sequences a rank. Where examples
/// share what they begin with, batches are the trainer's own; else those of an ordinary fine-tuning script, sequences of
/// similar length together.
public struct StepBenchmark {
  public struct Options: Sendable {
    public var sequencesPerRank = 4
    /// Parts that a rank's share of a batch is cut in.
    public var partsPerRank = 1
    public var maximumLength = 512
    public var maximumTargetLength = 128
    /// Measured steps; one more goes before, to warm up.
    public var steps = 8
    /// Instances read of each task file.
    public var examplesPerTask = 100
    /// Tasks that the examples are dealt out to, each with a route of its own; nil: a task a file.
    public var taskCount: Int?
    /// AdamW's `sparse_updates`.
    public var updatesSparsely = false
    /// A recipe's `activation_checkpointing`.
    public var isCheckpointed = false
    /// Examples of the task in each prompt.
    public var positiveExamples = 0
    /// A recipe's `share_prefixes`.
    public var sharePrefixes = SharePrefixes.auto
    /// Of a task's examples how many are drawn together, where batches are the trainer's: a recipe's `mixing.group`.
    public var group = 1

    public init() {}
  }

  /// What was measured, over all ranks.
  public struct Result: Sendable {
    public let tokensPerSecond: Double
    public let examplesPerSecond: Double
    /// Tokens whose rows were computed: what examples of a part begin with once.
    public let tokensComputedPerSecond: Double
    public let secondsPerStep: Double
    /// Rank 0's seconds a step in each phase; they sum to ``secondsPerStep``.
    public let phases: [NamedValue]
    /// Floating-point operations a second and rank, for the products a step needs.
    public let flopsPerSecondPerRank: Double
    /// From the end of loading to the end of the warm-up step.
    public let firstStepSeconds: Double
    public let lastLoss: Double
    /// Bytes that each rank puts into the reduction of a step's gradient, the mean over the measured steps.
    public let reducedBytes: Int
    /// Of the steps' time, over all ranks.
    public let shares: StepShares
    /// What rank 0 does in a second, for a ``MachineProfile``; nil where its threads take turns on the cores.
    public let rates: StepRates?
  }

  private let step: TrainingStep
  private let tasks: [TokenizedTask]
  private let plans: [StepPlan]
  private let ranks: Ranks
  private let model: AdapterModel
  private let routes: TaskRoutes
  private let learningRate: Double
  private let options: TrainingStep.Options

  /// Why examples share nothing, so that a shape's batches are of like length; nil: they share what they begin with, and
  /// batches are the trainer's.
  public let sharingObstacle: SharingObstacle?
  /// Whether batches are those that a training draws from its mixture.
  public let isOfMixture: Bool

  /// - Parameter taskFiles: Super-NaturalInstructions files.
  /// - Throws: ``RunError/tooFewExamples(found:needed:)``, or an error of the data.
  public init(
    _ model: AdapterModel, tokenizer: Tokenizer, taskFiles: [URL], options: Options, ranks: Ranks
  ) throws {
    (self.model, self.ranks, learningRate) = (model, ranks, 5e-5)
    if options.updatesSparsely { try ModelNeed.taskRows.require(of: model, for: "sparse_updates") }
    let taskCount = options.taskCount ?? taskFiles.count
    routes = TaskRoutes(taskCount: taskCount, head: model.headChoice(of: nil))
    sharingObstacle = options.sharePrefixes.obstacle(for: model)
    isOfMixture = sharingObstacle == nil
    var stepOptions = Self.stepOptions(options, ranks)
    stepOptions.sharesPrefixes = sharingObstacle == nil
    step = try TrainingStep(model, routes: routes, options: stepOptions, ranks: ranks)
    self.options = stepOptions
    let examples = try BenchmarkExamples(
      tokenizer,
      options: ModelInputs(model.backbone).tokenizationOptions(
        maximumLength: options.maximumLength, maximumTargetLength: options.maximumTargetLength),
      positiveExamples: options.positiveExamples)
    let files = try taskFiles.map { try examples.read($0, limit: options.examplesPerTask) }
    tasks = BenchmarkBatches.deal(files, taskCount: taskCount)
    let batches = BenchmarkBatches(
      tasks, sequences: options.sequencesPerRank * ranks.count, parts: stepOptions.partCount)
    let found = tasks.reduce(0) { $0 + $1.count }
    guard found >= batches.sequences else {
      throw RunError.tooFewExamples(found: found, needed: batches.sequences)
    }
    plans =
      sharingObstacle == nil
      ? try batches.ofTrainer(count: options.steps + 1, group: options.group, routes: routes)
      : batches.ofLikeLength(count: options.steps + 1)
  }

  /// Of a recipe's own steps: its model, data, batches and parts. Collective.
  ///
  /// - Parameter steps: Measured steps, after one that warms up.
  /// - Throws: ``RunError``, or an error of the recipe's adapter or data.
  public init(_ recipe: Recipe, assembly: ModelAssembly, steps: Int, ranks: Ranks) throws {
    (model, self.ranks, learningRate) = (assembly.model, ranks, recipe.learningRate)
    try recipe.requireParts(forRanks: ranks.count)
    try recipe.requireUse(by: model)
    let prepared = try TaskAssembly(
      recipe, adapter: model.configuration, tokenizer: assembly.tokenizer, inputs: ModelInputs(model.backbone),
      splits: [.train], ranks: ranks)
    try Agreement.require(prepared.facts, ranks)
    try prepared.requireHeads(of: model)
    (tasks, routes) = (prepared.training, prepared.routes)
    sharingObstacle = recipe.sharingObstacle(
      adapter: model.configuration, architecture: model.backbone.architecture)
    isOfMixture = true
    var options = TrainingStep.Options(recipe)
    options.sharesPrefixes = sharingObstacle == nil
    step = try TrainingStep(model, routes: routes, options: options, ranks: ranks)
    self.options = options
    let plan = try prepared.batchPlan(of: recipe, sharesPrefixes: options.sharesPrefixes)
    plans = (0...steps).map(plan.step)
  }

  /// Of sequences of equal length without a text in them, one part a rank. Collective.
  ///
  /// - Parameters:
  ///   - sequences: Of a part.
  ///   - tokens: Of a prompt and, in a decoder-only model, its answer.
  ///   - labels: Of an answer.
  ///   - taskCount: That the sequences are dealt out to, each with a route of its own.
  public init(
    _ model: AdapterModel, sequences: Int, tokens: Int, labels: Int, taskCount: Int, options: Options, ranks: Ranks
  ) throws {
    (self.model, self.ranks, learningRate) = (model, ranks, 5e-5)
    routes = TaskRoutes(taskCount: taskCount, head: model.headChoice(of: nil))
    (sharingObstacle, isOfMixture) = (.switchedOff, false)
    var stepOptions = Self.stepOptions(options, ranks)
    stepOptions.partCount = options.partsPerRank * ranks.count
    step = try TrainingStep(model, routes: routes, options: stepOptions, ranks: ranks)
    self.options = stepOptions
    let batches = UniformBatches(
      model.backbone, parts: stepOptions.partCount, sequences: sequences, tokens: tokens, labels: labels,
      taskCount: taskCount)
    tasks = batches.tasks
    plans = (0...options.steps).map(batches.step)
  }

  private static func stepOptions(_ options: Options, _ ranks: Ranks) -> TrainingStep.Options {
    var adamW = AdamW.Options()
    (adamW.groups.weightDecay, adamW.isSparse) = (0.01, options.updatesSparsely)
    var result = TrainingStep.Options(partCount: options.partsPerRank * ranks.count)
    (result.optimizer, result.isCheckpointed) = (.adamW(adamW), options.isCheckpointed)
    return result
  }

  /// Releases what MPI holds; nothing is run after. Collective.
  public func free() throws { try step.free() }

  /// Runs the steps. Collective.
  public func run() throws -> Result {
    let begin = ContinuousClock.now
    _ = try step.run(plans[0], training: tasks, learningRate: learningRate)
    let firstStep = (ContinuousClock.now - begin) / .seconds(1)
    try ranks.world.barrier()
    step.phases.reset()
    var examples = 0, tokens = 0, computed = 0, reducedBytes = 0, flops = 0.0, loss = 0.0
    var busy: [Double] = [], work = PassWork(), rows = 0
    let span = ReductionTree(partCount: options.partCount, rankCount: ranks.count).span(of: ranks.rank)
    for plan in plans.dropFirst() {
      let before = busySeconds
      let outcome = try step.run(plan, training: tasks, learningRate: learningRate)
      busy.append(busySeconds - before)
      examples += plan.parts.joined().count
      tokens += outcome.tokenCount
      computed += outcome.computedTokenCount
      reducedBytes += outcome.reducedBytes
      flops += operations(plan)
      for part in plan.parts[span] {
        let own = counting.part(part, model.backbone.architecture, threads: 1)
        work += own.work
        rows += max(own.rows.tokens, own.rows.sources)
      }
      loss = outcome.sums.mean
    }
    let seconds = step.phases.totalSeconds
    let count = Double(plans.count - 1)
    return Result(
      tokensPerSecond: Double(tokens) / seconds, examplesPerSecond: Double(examples) / seconds,
      tokensComputedPerSecond: Double(computed) / seconds, secondsPerStep: seconds / count,
      phases: step.phases.seconds.map { NamedValue($0.name, $0.seconds / count) },
      flopsPerSecondPerRank: flops / seconds / Double(ranks.count), firstStepSeconds: firstStep, lastLoss: loss,
      reducedBytes: reducedBytes / (plans.count - 1),
      shares: StepShares(busy: try ranks.world.allGatherV(busy), seconds: seconds),
      rates: rates(
        work.times(1 / count), rowsPerPart: Double(rows) / count / Double(span.count), reducedBytes / Int(count)))
  }

  private var counting: PartCounting {
    PartCounting(tasks: tasks, routes: routes, shares: sharingObstacle == nil) { [model, options] in
      let work = model.passWork(tokenCount: $0, labelCount: $1)
      return options.isCheckpointed ? work.checkpointed(layerCount: model.backbone.layerCount) : work
    }
  }

  /// - Parameter work: Of this rank and one step.
  private func rates(_ work: PassWork, rowsPerPart: Double, _ reducedBytes: Int) -> StepRates? {
    let busyCores = ranks.node.size * Threads.count
    guard busyCores <= MachineProfile.theseCores else { return nil }
    let isBF16 = model.backbone.linears.first?.weight.matrix.isBF16 ?? false, touched = reducedBytes / 4
    let isSparse = if case .adamW(let adamW) = options.optimizer { adamW.isSparse } else { false }
    let updated = isSparse ? touched : model.parameters.trainedCount
    let steps = Double(plans.count - 1)
    return StepRates(
      StepRates.Subject(
        model.backbone, precision: isBF16 ? .bf16 : .fp32, threads: Threads.count, busyCores: busyCores,
        rows: rowsPerPart),
      work: work, optimizerNumbers: StepRates.optimizerWork(touched: touched, updated: updated),
      seconds: step.phases.seconds.map { NamedValue($0.name, $0.seconds / steps) })
  }

  /// What this rank has computed so far, in seconds: all but waiting and summing.
  private var busySeconds: Double { step.phases.totalSeconds - step.phases.seconds(in: [.wait, .reduction]) }

  /// Floating-point operations the products of a step need, forward and backward, for all ranks: what the mathematics
  /// asks for, shared rows once, not what is computed again or beyond the causal triangle.
  private func operations(_ plan: StepPlan) -> Double { plan.parts.reduce(0) { $0 + operations($1) } }

  private func operations(_ part: [ExampleReference]) -> Double {
    let examples = part.map { tasks[$0.task][$0.index] }, kind = model.backbone.architecture.sequenceKind
    func needed(_ tokenCount: Int, labels: Int = 0) -> Double {
      model.trainingOperations(tokenCount: tokenCount, labelCount: labels)
    }
    let whole = examples.reduce(0) { $0 + needed($1.inputIds.count, labels: $1.labelCount(kind)) }
    guard sharingObstacle == nil else { return whole }
    let tree = PrefixTree(part.map(TaskAssembly.sequences(tasks, routes)))
    // What all but the first of a node's sequences do not compute again.
    return tree.nodes.reduce(whole) { total, node in
      let own = needed(node.positions.upperBound) - needed(node.positions.lowerBound)
      return total - Double(node.sequences.count - 1) * own
    }
  }
}
