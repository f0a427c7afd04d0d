import Backbones
import Tasks
import Tensors

/// The batches of a run, as far as its time and memory depend on them.
public struct BatchShape: Sendable {
  /// One part of a batch.
  public struct Part: Sendable {
    public let work: PassWork
    public let rows: PassRows
    /// Examples, their tokens, and those of them that are computed.
    public let examples, tokens, computedTokens: Int
  }

  /// Parts of some steps that stand for all.
  public let steps: [[Part]]
  /// Sequences of a whole batch.
  public let sequences: Int
  /// Steps of the run; nil: it has no end that is known.
  public let totalSteps: Int?
  /// Tasks of a batch that route its examples, in the mean.
  public let tasksPerStep: Int
  /// Tokens of all data.
  public let dataTokens: Int

  /// Parts of a batch.
  public var partCount: Int { steps[0].count }

  /// Of an average step.
  public func mean(_ value: (Part) -> Double) -> Double {
    steps.reduce(0) { $0 + $1.reduce(0) { $0 + value($1) } } / Double(steps.count)
  }

  /// Batches of sequences that are all alike.
  ///
  /// - Parameters:
  ///   - tokens: Of a prompt and, in a decoder-only model, its answer.
  ///   - labels: Of an answer.
  ///   - tasks: That the sequences are spread over.
  public init(
    _ model: ModelOutline, parts: Int, sequencesPerPart: Int, tokens: Int, labels: Int, tasks: Int, threads: Int,
    isCheckpointed: Bool
  ) {
    let architecture = model.backbone.architecture
    let work = model.work(
      tokenCount: tokens, labelCount: architecture == .encoderOnly ? 1 : labels, isCheckpointed: isCheckpointed)
    let part = Part(
      work: work.times(Double(sequencesPerPart)),
      rows: PassRows(
        architecture, sequences: sequencesPerPart, tokens: tokens, labels: labels,
        tasks: min(tasks, sequencesPerPart), threads: threads),
      examples: sequencesPerPart, tokens: sequencesPerPart * tokens, computedTokens: sequencesPerPart * tokens)
    steps = [Array(repeating: part, count: parts)]
    (sequences, totalSteps, dataTokens) = (parts * sequencesPerPart, nil, 0)
    tasksPerStep = Self.expectedTasks(tasks, draws: parts * sequencesPerPart)
  }

  /// Of so many draws among equally likely tasks, how many different ones there are.
  static func expectedTasks(_ tasks: Int, draws: Int) -> Int {
    let missed = (0..<draws).reduce(1.0) { product, _ in product * (1 - 1 / Double(max(tasks, 1))) }
    return max(1, Int((Double(tasks) * (1 - missed)).rounded()))
  }

  /// A recipe's first batches.
  ///
  /// - Parameter stepLimit: How many of them at most.
  /// - Throws: `MixtureError`.
  public init(
    _ recipe: Recipe, _ tasks: TaskAssembly, _ model: ModelOutline, threads: Int, stepLimit: Int = 40
  ) throws {
    let shares = recipe.sharesPrefixes(
      adapter: model.adapter.configuration, architecture: model.backbone.architecture)
    let plan = try tasks.batchPlan(of: recipe, sharesPrefixes: shares)
    let total = recipe.totalSteps(stepsPerEpoch: plan.stepsPerEpoch)
    let counting = PartCounting(tasks: tasks.training, routes: tasks.routes, shares: shares) {
      model.work(tokenCount: $0, labelCount: $1, isCheckpointed: recipe.activationCheckpointing)
    }
    let plans = (0..<min(stepLimit, plan.stepsPerEpoch, max(total, 1))).map(plan.step)
    steps = plans.map { $0.parts.map { counting.part($0, model.backbone.architecture, threads: threads) } }
    (sequences, totalSteps) = (recipe.trainBatchSize, total)
    let routes = plans.map { $0.routes(of: tasks.training, tasks.routes).count }
    tasksPerStep = max(1, (routes.reduce(0, +) + routes.count / 2) / max(routes.count, 1))
    dataTokens =
      tasks.training.reduce(0) { $0 + $1.report.tokens } + tasks.testing.reduce(0) { $0 + $1.examples.report.tokens }
  }
}

/// Counts what parts compute: rows that examples share once.
struct PartCounting {
  let tasks: [TokenizedTask]
  let routes: TaskRoutes
  /// Whether examples share what they begin with.
  let shares: Bool
  /// Of one sequence, by the tokens that the model reads and by labels.
  let work: (_ tokenCount: Int, _ labelCount: Int) -> PassWork

  func work(_ part: [ExampleReference]) -> PassWork {
    let whole = part.reduce(into: PassWork()) { total, reference in
      let example = tasks[reference.task][reference.index]
      total += work(example.inputIds.count, example.labelCount(tasks[reference.task].kind))
    }
    guard shares else { return whole }
    // What all but the first of a node's sequences do not compute again.
    return tree(part).nodes.reduce(into: whole) { total, node in
      let own = work(node.positions.upperBound, 0) - work(node.positions.lowerBound, 0)
      total += own.times(-Double(node.sequences.count - 1))
    }
  }

  private func tree(_ part: [ExampleReference]) -> PrefixTree {
    PrefixTree(part.map(TaskAssembly.sequences(tasks, routes)))
  }

  func part(_ part: [ExampleReference], _ architecture: Architecture, threads: Int) -> BatchShape.Part {
    let examples = part.map { tasks[$0.task][$0.index] }, kind = architecture.sequenceKind
    let inputs = examples.map(\.inputIds.count), answers = examples.map { max($0.labels.count, 1) }
    let tokens = zip(part, examples).reduce(0) { $0 + $1.1.tokenCount(tasks[$1.0.task].kind) }
    let sources = inputs.reduce(0, +), computed = shares ? tree(part).computedCount : tokens
    let labels = examples.reduce(0) { $0 + $1.labelCount(kind) }
    let routed = Set(zip(part, examples).map { routes.route(of: $1, task: $0.task) }).count
    let rows =
      switch architecture {
      case .encoderDecoder:
        PassRows(
          tokens: answers.reduce(0, +), sources: sources, labels: answers.reduce(0, +), longest: answers.max() ?? 0,
          longestSource: inputs.max() ?? 0, tasks: routed, threads: threads)
      default:
        PassRows(
          tokens: shares ? computed : sources, labels: labels, longest: inputs.max() ?? 0, tasks: routed,
          threads: threads)
      }
    return BatchShape.Part(
      work: work(part), rows: rows, examples: part.count, tokens: tokens, computedTokens: computed)
  }
}
