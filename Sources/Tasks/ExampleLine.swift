import Foundation

/// A task, as a line of data names it.
public enum TaskSelector: Sendable, Equatable, Decodable {
  /// By its number in the adapter, from 0; in the recipe where the adapter is not routed by task.
  case index(Int)
  case name(String)

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let index = try? container.decode(Int.self) {
      self = .index(index)
    } else {
      self = .name(try container.decode(String.self))
    }
  }

  /// The task's number among tasks of these names; nil if there is none such.
  ///
  /// Without names nothing is routed by one: any number stands for itself, any name for task 0.
  public func place(among names: [String]) -> Int? {
    switch self {
    case .index(let index): (0..<(names.isEmpty ? Int(Int32.max) : names.count)).contains(index) ? index : nil
    case .name(let name): names.isEmpty ? 0 : names.firstIndex(of: name)
    }
  }

  /// As a line or a user states it.
  public var text: String {
    switch self {
    case .index(let index): String(index)
    case .name(let name): name
    }
  }
}

/// A line of a pre-tokenized task, or of what `score` and `generate` read: `input_ids` (and `token_type_ids`) with
/// `labels` or `label`, or `source` (and `source_pair`) with `target` or `label`. What generates needs `input_ids` or
/// `source` alone.
public struct ExampleLine: Sendable, Decodable {
  /// The keys of a line as they stand.
  private struct Keys: Decodable {
    let id: FieldValue?
    let input_ids: [Int]?
    let labels: [Int]?
    let token_type_ids: [Int]?
    let label: Label?
    let source: String?
    let source_pair: String?
    let target: String?
    let task: TaskSelector?
  }

  /// A class's number or name, or a number to predict.
  private enum Label: Decodable {
    case number(Double)
    case name(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let name = try? container.decode(String.self) {
        self = .name(name)
      } else {
        self = .number(try container.decode(Double.self))
      }
    }
  }

  public let id: String?
  public let inputIds: [Int]?
  public let tokenTypeIds: [Int]?
  public private(set) var labels: [Int]?
  public private(set) var label: Double?
  /// The name of the class, where `label` is one.
  public private(set) var labelName: String?
  public let source: String?
  public let sourcePair: String?
  public private(set) var target: String?
  public let task: TaskSelector?

  public init(from decoder: any Decoder) throws {
    let keys = try Keys(from: decoder)
    if case .text(let id)? = keys.id { self.id = id } else { id = nil }
    (inputIds, tokenTypeIds) = (keys.input_ids, keys.token_type_ids)
    labels = keys.labels
    switch keys.label {
    case .number(let number): label = number
    case .name(let name): labelName = name
    case nil: break
    }
    (source, sourcePair) = (keys.source, keys.source_pair)
    target = keys.target
    task = keys.task
  }

  /// The line without what it says of the answer.
  var promptOnly: ExampleLine {
    var line = self
    (line.labels, line.label, line.labelName, line.target) = (nil, nil, nil, nil)
    return line
  }
}

/// Reads ``ExampleLine``s and turns them into checked token ids.
public struct ExampleLineReader: Sendable {
  private let tokenizer: ExampleTokenizer
  /// The names a line's `task` may have, in the order of their numbers; see ``TaskSelector/place(among:)``.
  private let taskNames: [String]
  /// The names of each task's classes, for targets as text; none: targets are numbers.
  private let classes: [[String]]
  /// The same for a line that names no task.
  private let otherClasses: [String]

  public init(
    tokenizer: ExampleTokenizer, taskNames: [String] = [], classes: [[String]] = [], otherClasses: [String] = []
  ) {
    (self.tokenizer, self.taskNames, self.classes) = (tokenizer, taskNames, classes)
    self.otherClasses = otherClasses
  }

  /// The examples of a file, whether they have a label or not.
  ///
  /// - Parameter limit: The most lines to read; nil: all.
  /// - Throws: ``TaskError`` with file and line.
  public func read(_ url: URL, limit: Int? = nil) throws -> [TokenizedExample] {
    try read(url, limit: limit, promptsOnly: false)
  }

  /// The prompts of a file, to generate from: `input_ids` as they are, or `source`. Labels and targets are not read.
  ///
  /// - Throws: ``TaskError`` with file and line.
  public func readPrompts(_ url: URL) throws -> [TokenizedExample] {
    try read(url, limit: nil, promptsOnly: true)
  }

  private func read(_ url: URL, limit: Int?, promptsOnly: Bool) throws -> [TokenizedExample] {
    let file = try TextFile(url)
    let outcomes = try outcomes(file, limit: limit, needLabels: false, promptsOnly: promptsOnly)
    guard !outcomes.isEmpty else { throw TaskError.noExamples(task: url.lastPathComponent, file: url.path) }
    return outcomes.map(\.example)
  }

  func outcomes(
    _ file: TextFile, limit: Int?, needLabels: Bool, promptsOnly: Bool = false
  ) throws -> [ExampleTokenizer.Outcome] {
    let decoder = JSONDecoder()
    var outcomes: [ExampleTokenizer.Outcome] = []
    try file.forEachLine { json, number in
      guard outcomes.count < limit ?? .max else { return false }
      let line = try file.decode(ExampleLine.self, from: json, line: number, with: decoder)
      outcomes.append(
        try outcome(
          promptsOnly ? line.promptOnly : line, file: file.name, number: number, needLabels: needLabels,
          promptsOnly: promptsOnly))
      return true
    }
    return outcomes
  }

  private func outcome(
    _ line: ExampleLine, file: String, number: Int, needLabels: Bool, promptsOnly: Bool
  ) throws -> ExampleTokenizer.Outcome {
    let id = line.id ?? String(number)
    let task = try line.task.map { try place(of: $0, file: file, line: number) }
    let classifies = tokenizer.options.kind == .classification
    let names = task.flatMap { classes.indices.contains($0) ? classes[$0] : nil } ?? otherClasses
    let target = line.target ?? line.labelName
    if classifies, let target, !names.isEmpty, !names.contains(target) {
      throw TaskError.labelOutsideSet(file: file, line: number, label: target, allowed: names)
    }
    var outcome: ExampleTokenizer.Outcome
    if let inputIds = line.inputIds {
      let label = try line.label ?? line.labelName.map {
        try tokenizer.classNumber(of: $0, classes: names, task: "\(file):\(number)")
      }
      let hasLabels = line.labels != nil || classifies && label != nil
      guard hasLabels || !needLabels else { throw TaskError.incompleteLine(file: file, line: number) }
      let inputs = try checked(inputIds, file: file, line: number, allowNoLabel: false)
      let labels = try line.labels.map { try checked($0, file: file, line: number, allowNoLabel: true) }
      if tokenizer.options.kind != .sequenceToSequence, let labels, labels.count != inputs.count {
        throw TaskError.unequalLengths(file: file, line: number, inputs: inputs.count, labels: labels.count)
      }
      outcome = tokenizer.cut(id: id, inputIds: inputs, labels: labels, label: label)
      outcome.example.tokenTypes = try types(line, of: inputs, file, number).prefix(outcome.example.inputIds.count)
    } else if let source = line.source, let target = target ?? line.label.map(TokenizedExample.text) {
      guard classifies || line.target != nil else { throw TaskError.noTarget(file: file, line: number) }
      let example = Example(id: id, source: source, sourcePair: line.sourcePair, references: [target])
      outcome = try tokenizer.outcome(example, classes: line.label == nil ? names : [], task: "\(file):\(number)")
    } else if let source = line.source, !needLabels {
      outcome = try tokenizer.promptOutcome(id: id, source: source, pair: line.sourcePair, task: file)
    } else if promptsOnly {
      throw TaskError.noPrompt(file: file, line: number)
    } else {
      throw TaskError.incompleteLine(file: file, line: number)
    }
    outcome.example.task = task
    return outcome
  }

  private func types(_ line: ExampleLine, of ids: [Int32], _ file: String, _ number: Int) throws -> [Int32] {
    guard let types = line.tokenTypeIds else { return [] }
    guard types.count == ids.count else {
      throw TaskError.unequalTypes(file: file, line: number, inputs: ids.count, types: types.count)
    }
    let known = tokenizer.options.tokenTypeCount
    if let stranger = types.first(where: { !(0..<known).contains($0) }) {
      throw TaskError.tokenTypeBeyondModel(place: "\(file):\(number)", type: stranger, typeCount: known)
    }
    return known == 1 ? [] : types.map { Int32($0) }
  }

  private func checked(_ ids: [Int], file: String, line: Int, allowNoLabel: Bool) throws -> [Int32] {
    let size = tokenizer.options.vocabularySize
    let end = min(size ?? Int(Int32.max), Int(Int32.max))
    return try ids.map { id in
      guard (0..<end).contains(id) || allowNoLabel && id == Int(TokenizedExample.noLabel) else {
        throw TaskError.tokenOutOfRange(file: file, line: line, token: id, vocabularySize: size)
      }
      return Int32(id)
    }
  }

  private func place(of task: TaskSelector, file: String, line: Int) throws -> Int {
    guard let place = task.place(among: taskNames) else {
      throw TaskError.unknownTask(file: file, line: line, task: task.text, known: taskNames)
    }
    return place
  }
}

extension ExampleTokenizer {
  /// A prompt alone, to generate from.
  func promptOutcome(id: String, source: String, pair: String? = nil, task: String) throws -> Outcome {
    if options.kind == .classification {
      return try outcome(Example(id: id, source: source, sourcePair: pair, references: [""]), classes: nil, task: task)
    }
    guard pair == nil else { throw TaskError.pairForOneText(task: task) }
    let prompt = try encodePrompt(source, task: task)
    return cut(id: id, inputIds: prompt, labels: nil, label: nil)
  }

  /// Fits pre-tokenized ids to the limits. Causal: the prompt (everything before the first label) loses its end; only
  /// where the labelled rest alone is too long, that does. Else prompt and answer lose their ends, each by its own
  /// limit.
  func cut(id: String, inputIds: [Int32], labels: [Int32]?, label: Double?) -> Outcome {
    var example = TokenizedExample(
      id: id, inputIds: inputIds[...], labels: (labels ?? [])[...], promptLength: inputIds.count, label: label)
    let limit = options.maxSequenceLength
    guard options.kind == .causal, let labels else {
      example.inputIds = inputIds.prefix(limit)
      example.promptLength = example.inputIds.count
      example.labels = example.labels.prefix(options.kind == .classification ? limit : options.maxTargetLength)
      return Outcome(
        example: example, isSourceCut: inputIds.count > limit,
        isTargetCut: options.kind != .classification && (labels?.count ?? 0) > options.maxTargetLength)
    }
    let prompt = labels.firstIndex { $0 != TokenizedExample.noLabel } ?? labels.count
    let answer = min(labels.count - prompt, limit)
    let kept = min(prompt, limit - answer)
    example.inputIds = inputIds[..<kept] + inputIds[prompt...].prefix(answer)
    example.labels = labels[..<kept] + labels[prompt...].prefix(answer)
    example.promptLength = kept
    return Outcome(example: example, isSourceCut: kept < prompt, isTargetCut: answer < labels.count - prompt)
  }
}
