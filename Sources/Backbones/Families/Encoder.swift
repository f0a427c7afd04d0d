import Tensors

/// An encoder-only model: an embedding, post-norm blocks, and heads for classes, numbers or masked tokens.
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
  let blocks: [EncoderBlock]
  private var embedded: (sums: Matrix, statistics: NormStatistics)?

  init(
    _ configuration: EncoderConfiguration, parameters: [Parameter], embedding: EncoderEmbedding, blocks: [EncoderBlock],
    pooler: Linear?, classifier: ClassificationHead?, tokenHead: MaskedLanguageModelHead?
  ) {
    (self.configuration, self.parameters, self.embedding, self.blocks) = (configuration, parameters, embedding, blocks)
    (self.pooler, self.classifier, self.tokenHead) = (pooler, classifier, tokenHead)
  }

  public var family: String { configuration.kind.rawValue }
  public var architecture: Architecture { .encoderOnly }
  public var maximumLength: Int { configuration.positionCount }
  public var vocabularySize: Int { configuration.vocabularySize }
  public var tokenTypeCount: Int { configuration.tokenTypeCount }
  public var head: (any OutputHead)? { tokenHead }
  public var linears: [Linear] { blocks.flatMap(\.linears) + (pooler.map { [$0] } ?? []) }

  public var projectionPath: String { String(configuration.kind.decoderName.dropLast(".weight".count)) }

  public func untieHead() {
    guard let tokenHead, tokenHead.weight === embedding.tokens else { return }
    let table = embedding.tokens
    let own = Parameter(name: configuration.kind.decoderName, shape: table.shape, values: table.values)
    parameters.append(own)
    tokenHead.untie(own)
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

  /// The last block goes on with the label rows alone.
  private func selection(_ batch: PackedBatch, _ pass: Pass) -> RowSelection {
    RowSelection(rows: batch.labelRows, pass: pass.withRows(starts: batch.labelStarts))
  }

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    func rows(_ count: Int) -> Matrix { pass.saved.matrix(count, embedding.width) }
    let sums = rows(batch.tokenCount)
    var x = rows(batch.tokenCount)
    let statistics = embedding.forward(batch, sums: sums, into: x, pass)
    if pass.keepsActivations { embedded = (sums, statistics) }
    // Without a backward pass two arrays take turns.
    var spare = sums
    for (layer, block) in blocks.enumerated() {
      let isLast = layer == blocks.count - 1
      let y = isLast ? rows(batch.labelCount) : pass.keepsActivations ? rows(batch.tokenCount) : spare
      block.forward(x, into: y, selection: isLast ? selection(batch, pass) : nil, pass)
      (spare, x) = (x, y)
    }
    return x
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    guard let embedded else { preconditionFailure("backward without a forward that keeps activations") }
    self.embedded = nil
    let mark = pass.scratch.mark()
    var d = pass.scratch.matrix(dHidden.rows, dHidden.columns)
    d.copy(from: dHidden)
    let lowest = embedding.isTrained ? 0 : blocks.firstIndex { $0.isTrained } ?? blocks.count
    for layer in blocks.indices.reversed() where layer >= lowest {
      let needsInputGradient = embedding.isTrained || layer > lowest
      let isLast = layer == blocks.count - 1
      guard
        let next = blocks[layer].backward(
          d, selection: isLast ? selection(batch, pass) : nil, needsInputGradient: needsInputGradient, pass)
      else { break }
      d = next
    }
    if embedding.isTrained { embedding.backward(d, sums: embedded.sums, embedded.statistics, batch, pass) }
    pass.scratch.release(to: mark)
  }

  // MARK: Counting

  /// Frozen maps: forward and input gradient, but no input gradient at the first maps, below which nothing trains.
  /// Behind attention in the last block only label rows go on. Attention: scores and mixing, forward and twice that
  /// backward; the scores that backward computes again are not counted. Heads are left out: they see a row a sequence.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let tokens = Double(tokenCount), labels = Double(labelCount)
    var multiplyAdds = 0.0
    for (layer, block) in blocks.enumerated() {
      for (place, linear) in block.linears.enumerated() {
        let isBehindAttention = place >= block.inputLinears.count
        let rows = layer == blocks.count - 1 && isBehindAttention ? labels : tokens
        multiplyAdds += Double(linear.weight.count) * rows * (layer == 0 && !isBehindAttention ? 1 : 2)
      }
      multiplyAdds += 6 * Double(embedding.width) * tokens * tokens
    }
    return 2 * multiplyAdds
  }

  /// Behind attention in the last block a map sees the label rows alone, and so does the pooler.
  public func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int {
    let last = blocks[blocks.count - 1]
    let seesLabels = linear === pooler || last.linears.dropFirst(last.inputLinears.count).contains { $0 === linear }
    return seesLabels ? labelCount : tokenCount
  }
}
