import Adapters
import Backbones
import Foundation
import MessagePassing
import Tasks
import Tensors
import Tokenizers

/// Measures training steps on real task lengths, as `polyad bench step` reports them.
///
/// Batches are those of an ordinary fine-tuning script: prompt and answer of at most `maximumLength` tokens, sequences of
/// similar length together, a fixed number of sequences a rank.
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

    public init() {}
  }

  /// What was measured, over all ranks.
  public struct Result: Sendable {
    public let tokensPerSecond: Double
    public let examplesPerSecond: Double
    /// Tokens whose rows were computed: each once, since examples share none.
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
  }

  private let step: TrainingStep
  private let tasks: [TokenizedTask]
  private let plans: [StepPlan]
  private let ranks: Ranks
  private let model: AdapterModel

  /// - Parameter taskFiles: Super-NaturalInstructions files.
  /// - Throws: ``RunError/tooFewExamples(found:needed:)``, or an error of the data.
  public init(
    _ model: AdapterModel, tokenizer: Tokenizer, taskFiles: [URL], options: Options, ranks: Ranks
  ) throws {
    (self.model, self.ranks) = (model, ranks)
    if options.updatesSparsely { try ModelNeed.taskRows.require(of: model, for: "sparse_updates") }
    let taskCount = options.taskCount ?? taskFiles.count
    let shape = BatchShape(sequences: options.sequencesPerRank * ranks.count, parts: options.partsPerRank * ranks.count)
    step = try TrainingStep(
      model, routes: TaskRoutes(taskCount: taskCount, head: model.headChoice(of: nil)),
      options: Self.stepOptions(partCount: shape.parts, options), ranks: ranks)
    let examples = try BenchmarkExamples(
      tokenizer,
      options: ModelInputs(model.backbone).tokenizationOptions(
        maximumLength: options.maximumLength, maximumTargetLength: options.maximumTargetLength))
    let files = try taskFiles.map { try examples.read($0, limit: options.examplesPerTask) }
    let found = files.reduce(0) { $0 + $1.count }
    guard found >= shape.sequences else { throw RunError.tooFewExamples(found: found, needed: shape.sequences) }
    plans = Self.plans(files, taskCount: taskCount, shape, count: options.steps + 1)
    // A file's examples belong to every task that is dealt some of them.
    tasks = (0..<taskCount).map { files[$0 % files.count] }
  }

  /// What a batch holds, all ranks together.
  private struct BatchShape {
    let sequences, parts: Int
  }

  private static func stepOptions(partCount: Int, _ options: Options) -> TrainingStep.Options {
    var adamW = AdamW.Options()
    (adamW.groups.weightDecay, adamW.isSparse) = (0.01, options.updatesSparsely)
    var result = TrainingStep.Options(partCount: partCount)
    (result.optimizer, result.isCheckpointed) = (.adamW(adamW), options.isCheckpointed)
    return result
  }

  /// The task that an example of a file is dealt to, so that each task has examples of one file.
  private static func task(file: Int, index: Int, fileCount: Int, taskCount: Int) -> Int {
    guard file < taskCount else { return file % taskCount }
    let shares = (taskCount - file + fileCount - 1) / fileCount
    return file + index % shares * fileCount
  }

  /// Sequences sorted by length and cut into batches, the batches in random order.
  private static func plans(
    _ files: [TokenizedTask], taskCount: Int, _ shape: BatchShape, count: Int
  ) -> [StepPlan] {
    let lengths = files.map(\.exampleLengths)
    let all = lengths.indices.flatMap { task in lengths[task].indices.map { (task: task, index: $0) } }
    let sorted = all.sorted {
      (lengths[$0.task][$0.index], $0.task, $0.index) < (lengths[$1.task][$1.index], $1.task, $1.index)
    }
    let batchCount = sorted.count / shape.sequences
    let key = RandomKey(seed: 1).child("benchmark order")
    let order = (0..<batchCount).sorted { key.child(UInt64($0)).value < key.child(UInt64($1)).value }
    return (0..<count).map { step in
      let start = order[step % batchCount] * shape.sequences
      var parts = Array(repeating: [ExampleReference](), count: shape.parts)
      for place in 0..<shape.sequences {
        let example = sorted[start + place]
        let task = task(
          file: example.task, index: example.index, fileCount: files.count, taskCount: taskCount)
        parts[place % shape.parts].append(
          ExampleReference(task: task, index: example.index, ordinal: step * shape.sequences + place))
      }
      return StepPlan(step: step, epoch: 0, parts: parts)
    }
  }

  /// Runs the steps. Collective.
  public func run() throws -> Result {
    let begin = ContinuousClock.now
    _ = try step.run(plans[0], training: tasks, learningRate: 5e-5)
    let firstStep = (ContinuousClock.now - begin) / .seconds(1)
    try ranks.world.barrier()
    step.phases.reset()
    var examples = 0, tokens = 0, reducedBytes = 0, flops = 0.0, loss = 0.0
    for plan in plans.dropFirst() {
      let outcome = try step.run(plan, training: tasks, learningRate: 5e-5)
      examples += plan.parts.joined().count
      tokens += outcome.tokenCount
      reducedBytes += outcome.reducedBytes
      flops += operations(plan)
      loss = outcome.sums.mean
    }
    let seconds = step.phases.totalSeconds
    let count = Double(plans.count - 1)
    return Result(
      tokensPerSecond: Double(tokens) / seconds, examplesPerSecond: Double(examples) / seconds,
      tokensComputedPerSecond: Double(tokens) / seconds, secondsPerStep: seconds / count,
      phases: step.phases.seconds.map { NamedValue($0.name, $0.seconds / count) },
      flopsPerSecondPerRank: flops / seconds / Double(ranks.count), firstStepSeconds: firstStep, lastLoss: loss,
      reducedBytes: reducedBytes / (plans.count - 1))
  }

  /// Floating-point operations the products of a step need, forward and backward, for all ranks: what the mathematics
  /// asks for, not what is computed again or beyond the causal triangle.
  private func operations(_ plan: StepPlan) -> Double {
    plan.parts.joined().reduce(0) { total, reference in
      let example = tasks[reference.task][reference.index]
      let labels = example.labelCount(model.backbone.architecture.sequenceKind)
      return total + model.trainingOperations(tokenCount: example.inputIds.count, labelCount: labels)
    }
  }
}
