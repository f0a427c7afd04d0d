import JSON

/// A number with what it is called.
public struct NamedValue: Sendable, Equatable {
  public let name: String
  public let value: Double

  public init(_ name: String, _ value: Double) {
    self.name = name
    self.value = value
  }
}

extension JSONValue {
  /// The values as members of one object.
  public static func object(_ values: [NamedValue]) -> JSONValue {
    .object(values.map { Member($0.name, .double($0.value)) })
  }
}

/// What one report says about the training steps since the one before.
public struct TrainingRecord: Sendable, Equatable {
  /// Optimizer steps done in all.
  public var step: Int
  /// Passes over the mixture done, with fractions.
  public var epoch: Double
  /// The mean loss over the label tokens of these steps, in nats.
  public var loss: Double
  /// The same over each task's label tokens, for the tasks that had any.
  public var taskLosses: [NamedValue]
  /// The rate of the last of these steps.
  public var learningRate: Double
  /// The global norm of the last of these steps' gradients, before clipping.
  public var gradientNorm: Double
  /// Bytes that each rank put into the reduction of the last of these steps' gradients.
  public var reducedBytes: Int
  /// m Σ f p of the last of these steps, the mean over token routers, if their losses are on; 1 is perfect balance.
  public var routerBalance: Double?
  /// Real tokens of these steps, all ranks together.
  public var tokens: Int
  /// The same per second of wall time.
  public var tokensPerSecond: Double
  /// Steps skipped in all, because a gradient was not finite.
  public var skippedSteps: Int
  /// What is left of the run, in seconds of wall time.
  public var etaSeconds: Double
  /// Where the time of these steps went, in seconds.
  public var phaseSeconds: [NamedValue]

  public init(
    step: Int, epoch: Double, loss: Double, taskLosses: [NamedValue] = [], learningRate: Double,
    gradientNorm: Double, reducedBytes: Int, routerBalance: Double? = nil, tokens: Int, tokensPerSecond: Double,
    skippedSteps: Int = 0, etaSeconds: Double, phaseSeconds: [NamedValue] = []
  ) {
    self.step = step
    self.epoch = epoch
    self.loss = loss
    self.taskLosses = taskLosses
    self.learningRate = learningRate
    self.gradientNorm = gradientNorm
    self.reducedBytes = reducedBytes
    self.routerBalance = routerBalance
    self.tokens = tokens
    self.tokensPerSecond = tokensPerSecond
    self.skippedSteps = skippedSteps
    self.etaSeconds = etaSeconds
    self.phaseSeconds = phaseSeconds
  }

  /// The record as a line of `metrics.jsonl`.
  public var json: JSONValue {
    var members: [JSONValue.Member] = [
      .init("step", .int(step)), .init("epoch", .double(epoch)), .init("loss", .double(loss)),
      .init("task_loss", .object(taskLosses)), .init("learning_rate", .double(learningRate)),
      .init("grad_norm", .double(gradientNorm)), .init("reduced_bytes", .int(reducedBytes)),
      .init("tokens", .int(tokens)), .init("tokens_per_second", .double(tokensPerSecond)),
      .init("skipped_steps", .int(skippedSteps)), .init("eta_seconds", .double(etaSeconds)),
      .init("phase_seconds", .object(phaseSeconds)),
    ]
    if let routerBalance { members.append(.init("router_balance", .double(routerBalance))) }
    return .object(members)
  }

  /// The record as TensorBoard scalars.
  public var scalars: [NamedValue] {
    [
      NamedValue("train/loss", loss), NamedValue("train/learning_rate", learningRate),
      NamedValue("train/grad_norm", gradientNorm), NamedValue("train/tokens_per_second", tokensPerSecond),
      NamedValue("train/epoch", epoch),
    ] + (routerBalance.map { [NamedValue("train/router_balance", $0)] } ?? [])
      + taskLosses.map { NamedValue("train/\($0.name)/loss", $0.value) }
  }
}

/// The scores of the test sets after some step.
public struct EvaluationRecord: Sendable, Equatable {
  /// The scores of one task.
  public struct Task: Sendable, Equatable {
    public var name: String
    /// Metric by metric, in the recipe's order.
    public var scores: [NamedValue]

    public init(name: String, scores: [NamedValue]) {
      self.name = name
      self.scores = scores
    }
  }

  /// Optimizer steps done in all.
  public var step: Int
  /// Passes over the mixture done, with fractions.
  public var epoch: Double
  public var tasks: [Task]
  /// How long it took, in seconds of wall time.
  public var seconds: Double

  public init(step: Int, epoch: Double, tasks: [Task], seconds: Double) {
    self.step = step
    self.epoch = epoch
    self.tasks = tasks
    self.seconds = seconds
  }

  /// Each metric's mean over the tasks that have it, in the order of first appearance.
  public var means: [NamedValue] {
    let scores = tasks.flatMap(\.scores)
    var names: [String] = []
    for score in scores where !names.contains(score.name) { names.append(score.name) }
    return names.map { name in
      let values = scores.filter { $0.name == name }.map(\.value)
      return NamedValue(name, values.reduce(0, +) / Double(values.count))
    }
  }

  /// The record as a line of `metrics.jsonl`.
  public var json: JSONValue {
    [
      "step": .int(step), "epoch": .double(epoch),
      "eval": [
        "mean": .object(means),
        "tasks": .object(tasks.map { JSONValue.Member($0.name, .object($0.scores)) }),
      ],
      "eval_seconds": .double(seconds),
    ]
  }

  /// The record as TensorBoard scalars.
  public var scalars: [NamedValue] {
    means.map { NamedValue("eval/\($0.name)", $0.value) }
      + tasks.flatMap { task in task.scores.map { NamedValue("eval/\(task.name)/\($0.name)", $0.value) } }
  }

  /// A row a task and one for the mean; a dash where a task lacks a metric.
  public var table: Table {
    let means = means
    func row(_ name: String, _ scores: [NamedValue]) -> [String] {
      [name]
        + means.map { mean in
          scores.first { $0.name == mean.name }.map { Formatting.number($0.value) } ?? "-"
        }
    }
    return Table(
      columns: [Table.Column("task")] + means.map { Table.Column($0.name, .right) },
      rows: tasks.map { row($0.name, $0.scores) } + [row("mean", means)])
  }
}
