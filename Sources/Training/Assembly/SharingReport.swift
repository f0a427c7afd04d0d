import Adapters
import Backbones
import JSON
import Tasks

/// What a run saves by computing once what the examples of a part begin with.
public struct SharingReport: Sendable, Equatable {
  /// What one of the recipe's tasks has of it.
  public struct Task: Sendable, Equatable {
    public let name: String
    /// The examples of the steps counted.
    public fileprivate(set) var examples = 0
    /// Their tokens, answers included.
    public fileprivate(set) var tokens = 0
    /// Those of them that are computed; what several share counts for the task of the first.
    public fileprivate(set) var computedTokens = 0
    /// How many tokens more than half of the examples begin with alike.
    public fileprivate(set) var commonLength = 0
    /// Why it shares nothing, or next to nothing; nil: it does share.
    public fileprivate(set) var reason: String?

    fileprivate init(_ name: String) { self.name = name }
  }

  /// At most so many steps are counted.
  static let stepLimit = 200
  /// What saves less than this share of a task's tokens is nothing.
  static let leastShare = 0.01

  public private(set) var tasks: [Task]
  /// The steps counted, the first ones of the first epoch.
  public let steps: Int
  public let stepsPerEpoch: Int

  /// Counts the parts of a plan's first epoch, as training will make them.
  ///
  /// - Parameters:
  ///   - training: The training sets, one a task.
  ///   - plan: The batches of these.
  ///   - isGrouped: Whether examples of a task are drawn together.
  ///   - obstacle: Why training shares nothing; nil: it does.
  ///   - sharing: What an example may share with others of its part.
  init(
    _ training: [TokenizedTask], plan: BatchPlan, isGrouped: Bool, obstacle: SharingObstacle?,
    stepLimit: Int = stepLimit, sharing: (ExampleReference) -> PrefixTree.Sequence
  ) {
    tasks = training.map { Task($0.name) }
    stepsPerEpoch = plan.stepsPerEpoch
    steps = min(stepLimit, stepsPerEpoch)
    var inputs: [[ArraySlice<Int32>]] = Array(repeating: [], count: training.count)
    for part in (0..<steps).lazy.flatMap({ plan.step($0).parts }) {
      for reference in part {
        let (set, example) = (training[reference.task], training[reference.task][reference.index])
        count(reference.task, tokens: example.tokenCount(set.kind), isComputed: obstacle != nil)
        inputs[reference.task].append(example.inputIds)
      }
      if obstacle == nil { countComputed(part, sharing) }
    }
    for (place, inputs) in inputs.enumerated() {
      tasks[place].commonLength = Self.commonLength(inputs)
      tasks[place].reason = obstacle?.description ?? tasks[place].ownReason(isGrouped: isGrouped)
    }
  }

  private mutating func count(_ task: Int, tokens: Int, isComputed: Bool) {
    tasks[task].examples += 1
    tasks[task].tokens += tokens
    if isComputed { tasks[task].computedTokens += tokens }
  }

  private mutating func countComputed(
    _ part: [ExampleReference], _ sharing: (ExampleReference) -> PrefixTree.Sequence
  ) {
    let tree = PrefixTree(part.map(sharing))
    for (reference, count) in zip(part, tree.ownCounts) { tasks[reference.task].computedTokens += count }
    for node in tree.nodes { tasks[part[node.sequences[0]].task].computedTokens += node.positions.count }
  }

  /// The tokens of the steps counted.
  public var tokens: Int { tasks.reduce(0) { $0 + $1.tokens } }
  /// Those of them that are computed.
  public var computedTokens: Int { tasks.reduce(0) { $0 + $1.computedTokens } }

  /// How many tokens more than half of the sequences begin with alike; 0 for less than two.
  static func commonLength(_ sequences: [ArraySlice<Int32>]) -> Int {
    guard sequences.count > 1 else { return 0 }
    var (alike, length) = (sequences, 0)
    while true {
      let next = alike.lazy.filter { $0.count > length }.map { ($0[$0.startIndex + length], 1) }
      let counts = Dictionary(next, uniquingKeysWith: +)
      guard let (token, count) = counts.max(by: { $0.value < $1.value }), 2 * count > sequences.count else {
        return length
      }
      if count < alike.count { alike.removeAll { $0.count <= length || $0[$0.startIndex + length] != token } }
      length += 1
    }
  }
}

extension SharingReport.Task {
  /// Tokens for each token that is computed.
  public var ratio: Double { Self.ratio(tokens, computedTokens) }

  fileprivate static func ratio(_ tokens: Int, _ computedTokens: Int) -> Double {
    computedTokens == 0 ? 1 : Double(tokens) / Double(computedTokens)
  }

  /// Why it shares nothing where examples do share.
  fileprivate func ownReason(isGrouped: Bool) -> String? {
    let least = SharingReport.leastShare * Double(tokens)
    guard Double(tokens - computedTokens) <= least else { return nil }
    if examples < 2 { return "less than two of its examples are counted" }
    if Double((examples - 1) * commonLength) <= least { return "its examples begin differently" }
    return "seldom two in a part; \(isGrouped ? "a larger " : "")mixing: {group: k} draws more together"
  }
}

extension SharingReport {
  /// Tokens for each token that is computed.
  public var ratio: Double { Task.ratio(tokens, computedTokens) }

  /// A row a task, and one for all.
  public var table: Table {
    var table = Table(columns: [
      .init("task"), .init("examples", .right), .init("tokens", .right), .init("computed", .right),
      .init("ratio", .right), .init("common beginning", .right), .init("shares nothing, since"),
    ])
    func append(_ name: String, _ examples: Int, _ tokens: Int, _ computed: Int, _ ratio: Double, _ rest: [String]) {
      table.append(
        [name] + [examples, tokens, computed].map(Formatting.count) + [Formatting.number(ratio)] + rest)
    }
    for task in tasks {
      append(
        task.name, task.examples, task.tokens, task.computedTokens, task.ratio,
        [Formatting.count(task.commonLength), task.reason ?? ""])
    }
    let extent = steps < stepsPerEpoch ? "the first \(steps) of \(stepsPerEpoch) steps" : "an epoch"
    append(extent, tasks.reduce(0) { $0 + $1.examples }, tokens, computedTokens, ratio, ["", ""])
    return table
  }

  public var json: JSONValue {
    [
      "steps": .int(steps), "steps_per_epoch": .int(stepsPerEpoch), "tokens": .int(tokens),
      "tokens_computed": .int(computedTokens), "ratio": .double(ratio),
      "tasks": .array(
        tasks.map {
          [
            "name": .string($0.name), "examples": .int($0.examples), "tokens": .int($0.tokens),
            "tokens_computed": .int($0.computedTokens), "ratio": .double($0.ratio),
            "common_beginning": .int($0.commonLength), "reason": $0.reason.map { .string($0) } ?? .null,
          ]
        }),
    ]
  }
}
