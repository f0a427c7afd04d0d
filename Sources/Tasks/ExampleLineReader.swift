import Foundation

/// Reads ``ExampleLine``s and turns them into checked token ids.
public struct ExampleLineReader: Sendable {
  private let tokenizer: ExampleTokenizer
  /// The names a line's `task` may have, in the order of the routes; see ``TaskSelector/place(among:)``.
  private let taskNames: [String]
  /// The names of each route's classes, for targets as text; none: targets are numbers.
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
    let route = try line.task.map { try self.route(of: $0, file: file, line: number) }
    let classifies = tokenizer.options.kind == .classification
    let names = route.flatMap { classes.indices.contains($0) ? classes[$0] : nil } ?? otherClasses
    let target = line.target ?? line.labelName
    if classifies, let target, !names.isEmpty, !names.contains(target) {
      throw TaskError.labelOutsideSet(file: file, line: number, label: target, allowed: names)
    }
    var outcome: ExampleTokenizer.Outcome
    if let inputIds = line.inputIds {
      let label =
        try line.label
        ?? line.labelName.map {
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
    outcome.example.route = route
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

  private func route(of task: TaskSelector, file: String, line: Int) throws -> Int {
    guard let route = task.place(among: taskNames) else {
      throw TaskError.unknownTask(file: file, line: line, task: task.text, known: taskNames)
    }
    return route
  }
}
