import Crypto
import Tensors

/// A task's examples of one split as token ids, in a few flat arrays: a million examples are no more objects than one.
public struct TokenizedTask: Sendable {
  /// The task's name.
  public private(set) var name: String
  public let split: DataSplit
  public let kind: SequenceKind
  /// What was cut and dropped on the way here.
  public internal(set) var report: PreparationReport

  /// Every example's ``TokenizedExample/inputIds``, end to end.
  private(set) var tokens: [Int32] = []
  /// Every example's ``TokenizedExample/tokenTypes``, end to end; empty where none has any.
  private(set) var types: [Int32] = []
  /// Every example's ``TokenizedExample/labels``, end to end.
  private(set) var labels: [Int32] = []
  /// Where each example ends in ``tokens``.
  private(set) var tokenEnds: [Int] = []
  /// Where each example ends in ``labels``.
  private(set) var labelEnds: [Int] = []
  private(set) var promptLengths: [Int32] = []
  /// Each example's ``TokenizedExample/route``; −1 for none.
  private(set) var routes: [Int32] = []
  /// Each example's ``TokenizedExample/label``; not a number for none.
  private(set) var classLabels: [Double] = []
  private(set) var ids: [String] = []
  /// One list an example, or no list at all where the split needs none.
  private(set) var references: [[String]] = []

  init(name: String, split: DataSplit, kind: SequenceKind) {
    self.name = name
    self.split = split
    self.kind = kind
    report = PreparationReport(task: name, split: split)
  }

  /// A set of given examples.
  public init(name: String, split: DataSplit, kind: SequenceKind, _ examples: [TokenizedExample]) {
    self.init(name: name, split: split, kind: kind)
    for example in examples { append(example) }
  }

  /// The number of examples.
  public var count: Int { tokenEnds.count }

  /// One example; its arrays are views of the task's.
  public subscript(index: Int) -> TokenizedExample {
    let tokenRange = (index == 0 ? 0 : tokenEnds[index - 1])..<tokenEnds[index]
    let labelRange = (index == 0 ? 0 : labelEnds[index - 1])..<labelEnds[index]
    return TokenizedExample(
      id: ids[index], inputIds: tokens[tokenRange], tokenTypes: types.isEmpty ? [] : types[tokenRange],
      labels: labels[labelRange], promptLength: Int(promptLengths[index]),
      label: classLabels[index].isNaN ? nil : classLabels[index], route: routes[index] < 0 ? nil : Int(routes[index]),
      references: references.isEmpty ? [] : references[index])
  }

  /// The tokens of each example in training: what a ``BatchPlan`` balances by.
  public var exampleLengths: [Int] {
    (0..<count).map { index in
      let inputs = tokenEnds[index] - (index == 0 ? 0 : tokenEnds[index - 1])
      guard kind == .sequenceToSequence else { return inputs }
      return inputs + labelEnds[index] - (index == 0 ? 0 : labelEnds[index - 1])
    }
  }

  /// What training sees of the examples and their order, as a SHA-256 in hexadecimal digits.
  public var digest: String {
    var hash = SHA256()
    func add<Number>(_ numbers: [Number]) {
      withUnsafeBytes(of: UInt64(numbers.count).littleEndian) { hash.update(bufferPointer: $0) }
      numbers.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }
    add(tokens)
    if !types.isEmpty { add(types) }
    add(labels)
    add(tokenEnds)
    add(labelEnds)
    add(promptLengths)
    add(routes)
    add(classLabels)
    return TaskPreparation.hex(hash.finalize())
  }

  /// A checksum of all of it, to be compared between ranks: names of examples and references count too.
  public var checksum: UInt64 {
    let texts = ([ids] + references).map { $0.joined(separator: "\u{0}") }.joined(separator: "\u{1}")
    return Checksum.of([
      Checksum.of(tokens), Checksum.of(types), Checksum.of(labels), Checksum.of(tokenEnds), Checksum.of(labelEnds),
      Checksum.of(promptLengths), Checksum.of(routes), Checksum.of(classLabels), Checksum.of(texts),
    ])
  }

  mutating func rename(_ name: String) {
    self.name = name
    report.task = name
  }

  mutating func append(_ example: TokenizedExample) {
    if !types.isEmpty || !example.tokenTypes.isEmpty {
      types += repeatElement(0, count: tokens.count - types.count)
      types += example.tokenTypes
    }
    tokens += example.inputIds
    if !types.isEmpty { types += repeatElement(0, count: tokens.count - types.count) }
    labels += example.labels
    tokenEnds.append(tokens.count)
    labelEnds.append(labels.count)
    promptLengths.append(Int32(example.promptLength))
    routes.append(Int32(example.route ?? -1))
    classLabels.append(example.label ?? .nan)
    ids.append(example.id)
    if split == .test { references.append(example.references) }
  }
}

extension TokenizedTask {
  /// The arrays of a task, as the cache keeps them.
  struct Arrays {
    var tokens: [Int32]
    var types: [Int32]
    var labels: [Int32]
    var tokenEnds: [Int]
    var labelEnds: [Int]
    var promptLengths: [Int32]
    var routes: [Int32]
    var classLabels: [Double]
    var ids: [String]
    var references: [[String]]

    /// Whether the arrays fit each other, so that every example can be had.
    var areConsistent: Bool {
      let count = tokenEnds.count
      let counts = [labelEnds.count, promptLengths.count, routes.count, classLabels.count, ids.count]
      return counts.allSatisfy { $0 == count } && (types.isEmpty || types.count == tokens.count)
        && (references.isEmpty || references.count == count)
        && Self.areEnds(tokenEnds, of: tokens.count) && Self.areEnds(labelEnds, of: labels.count)
    }

    private static func areEnds(_ ends: [Int], of total: Int) -> Bool {
      (ends.last ?? 0) == total && (ends.first ?? 0) >= 0 && zip(ends, ends.dropFirst()).allSatisfy { $0 <= $1 }
    }
  }

  var arrays: Arrays {
    Arrays(
      tokens: tokens, types: types, labels: labels, tokenEnds: tokenEnds, labelEnds: labelEnds,
      promptLengths: promptLengths, routes: routes, classLabels: classLabels, ids: ids, references: references)
  }

  init(_ arrays: Arrays, split: DataSplit, kind: SequenceKind, report: PreparationReport) {
    self.init(name: report.task, split: split, kind: kind)
    self.report = report
    tokens = arrays.tokens
    types = arrays.types
    labels = arrays.labels
    tokenEnds = arrays.tokenEnds
    labelEnds = arrays.labelEnds
    promptLengths = arrays.promptLengths
    routes = arrays.routes
    classLabels = arrays.classLabels
    ids = arrays.ids
    references = arrays.references
  }
}
