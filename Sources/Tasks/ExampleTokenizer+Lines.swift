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
