import Tensors

/// An encoder-only model: an embedding, a stack, and heads for classes, numbers or masked tokens.
///
/// The model's own dropouts are not applied: the backbone is frozen.
public final class Encoder: ClassifyingBackbone {
  let configuration: EncoderConfiguration
  public private(set) var parameters: [Parameter]
  public let classifier: ClassificationHead?
  private let tokenHead: MaskedLanguageModelHead?
  /// BERT's pooler, the dense map of every classification head.
  private let pooler: Linear?
  private let embedding: EncoderEmbedding
  let stack: Stack
  private var embedded: (sums: Matrix, statistics: NormStatistics)?

  init(
    _ configuration: EncoderConfiguration, parameters: [Parameter], embedding: EncoderEmbedding, stack: Stack,
    pooler: Linear?, classifier: ClassificationHead?, tokenHead: MaskedLanguageModelHead?
  ) {
    (self.configuration, self.parameters, self.embedding, self.stack) = (configuration, parameters, embedding, stack)
    (self.pooler, self.classifier, self.tokenHead) = (pooler, classifier, tokenHead)
  }

  public var family: String { configuration.kind.rawValue }
  public var architecture: Architecture { .encoderOnly }
  public var maximumLength: Int { configuration.positionCount }
  public var vocabularySize: Int { configuration.vocabularySize }
  public var tokenTypeCount: Int { configuration.tokenTypeCount }
  public var head: (any OutputHead)? { tokenHead }
  public var linears: [Linear] { stack.linears + (pooler.map { [$0] } ?? []) }

  public var projectionPath: String { String(configuration.kind.decoderName.dropLast(".weight".count)) }

  public func untieHead() {
    let name = configuration.kind.decoderName
    guard let tokenHead, let own = tokenHead.untie(from: embedding.tokens, named: name) else { return }
    parameters.append(own)
  }

  // MARK: Heads

  public var canClassify: Bool { configuration.kind == .roberta || pooler != nil }

  public func classifierShapes(outputCount: Int) -> [(suffix: String, shape: [Int])] {
    configuration.classifierShapes(outputCount: outputCount)
  }

  public func makeClassifier(path: String, _ arrays: [Parameter]) -> ClassificationHead {
    func linear(_ name: String, _ place: Int) -> Linear {
      Linear(path: path + name, weight: arrays[place], bias: arrays[place + 1], layout: .outputsByInputs)
    }
    guard configuration.kind == .roberta else {
      guard let pooler else { preconditionFailure("a classification head without a pooler") }
      return ClassificationHead(dense: pooler, projection: linear("", 0))
    }
    return ClassificationHead(dense: linear(".dense", 0), projection: linear(".out_proj", 2))
  }

  // MARK: Forward and backward

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    let sums = pass.saved.matrix(batch.tokenCount, embedding.width)
    let x = pass.saved.matrix(batch.tokenCount, embedding.width)
    let statistics = pass.measure(.embed) { embedding.forward(batch, sums: sums, into: x, pass) }
    if pass.keepsActivations { embedded = (sums, statistics) }
    return stack.forward(x, StackContext(pass), selection: RowSelection(batch, pass))
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    guard let embedded else { preconditionFailure("backward without a forward that keeps activations") }
    self.embedded = nil
    // What read the hidden states has given their gradient.
    if let pooler { pass.completed?([pooler]) }
    let mark = pass.scratch.mark()
    let d = stack.backward(
      dHidden, StackContext(pass), selection: RowSelection(batch, pass), needsInputGradient: embedding.isTrained)
    if let d { pass.measure(.embed) { embedding.backward(d, sums: embedded.sums, embedded.statistics, batch, pass) } }
    pass.scratch.release(to: mark)
  }

  // MARK: Counting

  /// Behind attention in the last block only label rows go on. Heads are left out: they see a row a sequence.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    2 * stack.trainingMultiplyAdds(rows: tokenCount, selected: labelCount)
  }

  public var layerCount: Int { configuration.layerCount }

  public func passWork(tokenCount: Int, labelCount: Int) -> PassWork {
    var work = stack.work(rows: tokenCount, selected: labelCount)
    let dense = Double(configuration.width * configuration.width)
    work.head = 4 * dense * Double(labelCount) + (tokenHead?.projection.work(rows: labelCount) ?? 0)
    work.elements += 5 * Double(configuration.width) * Double(tokenCount)
    work.rows = Double(tokenCount)
    return work
  }

  public func passMemory(_ rows: PassRows, isCheckpointed: Bool) -> PassMemory {
    let width = configuration.width
    var memory = stack.memory(
      rows: rows.tokens, selected: rows.labels, longest: rows.longest, threads: rows.threads,
      isCheckpointed: isCheckpointed)
    // The embedded rows before and behind their norm, and the gradient of what heads read.
    memory.kept += 2 * rows.tokens * (width + 1) + rows.labels * width
    memory.forward = max(memory.forward, tokenHead?.projection.bufferCount(rows: rows.labels) ?? 0)
    return memory
  }

  /// The pooler sees the label rows.
  public func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int {
    stack.rowCount(of: linear, rows: tokenCount, selected: labelCount) ?? labelCount
  }
}
