import Tensors

/// A decoder-only language model: an embedding, a stack, and the output projection.
///
/// What the families differ in lies in their parts. The model's own dropouts are not applied: the backbone is frozen.
public final class Decoder: GenerativeBackbone {
  public let family: String
  public let maximumLength: Int
  public private(set) var parameters: [Parameter]
  private(set) var projection: LanguageModelHead
  private let embedding: TokenEmbedding
  let stack: Stack
  /// Shape of the cache: layers, and the width of a layer's keys.
  public let layerCount: Int
  private let keyWidth: Int

  /// - Parameters:
  ///   - parameters: Every array of the model, in the order of its file.
  ///   - head: The output projection; its weight is the embedding's or one of its own.
  init(
    family: String, maximumLength: Int, parameters: [Parameter], embedding: TokenEmbedding, stack: Stack,
    layerCount: Int, keyWidth: Int, head: LanguageModelHead
  ) {
    (self.family, self.maximumLength, self.parameters) = (family, maximumLength, parameters)
    (self.embedding, self.stack, projection) = (embedding, stack, head)
    (self.layerCount, self.keyWidth) = (layerCount, keyWidth)
  }

  public var head: (any OutputHead)? { projection }
  public var vocabularySize: Int { projection.outputCount }
  public var linears: [Linear] { stack.linears }

  public func untieHead() {
    guard let own = projection.untied(from: embedding.tokens, named: "lm_head.weight") else { return }
    parameters.append(own.weight)
    projection = own
  }

  // MARK: Forward and backward

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    stack.forward(embed(batch.tokens, pass), StackContext(pass), selection: RowSelection(batch, pass))
  }

  private func embed(_ tokens: [Int32], _ pass: Pass) -> Matrix {
    let x = pass.saved.matrix(tokens.count, embedding.width)
    pass.measure(.embed) { embedding.forward(tokens, positions: pass.rows.positions, into: x) }
    return x
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    let mark = pass.scratch.mark()
    let d = stack.backward(
      dHidden, StackContext(pass), selection: RowSelection(batch, pass), needsInputGradient: embedding.isTrained)
    if let d { pass.measure(.embed) { embedding.backward(d, batch) } }
    pass.scratch.release(to: mark)
  }

  // MARK: Decoding

  public var cacheRowByteCount: Int { 2 * layerCount * keyWidth * MemoryLayout<Float>.stride }

  public func makeCache(rowCount: Int) -> KeyValueCache {
    KeyValueCache(layerCount: layerCount, rowCount: rowCount, width: keyWidth)
  }

  public func extend(_ batch: DecodingBatch, _ cache: KeyValueCache, _ pass: Pass) -> Matrix {
    stack.forward(
      embed(batch.tokens, pass), StackContext(pass, decoding: .init(cache, batch)),
      selection: RowSelection(batch, pass))
  }

  // MARK: Counting

  /// Behind attention in the last block only label rows go on, and logits exist at labels alone; what is skipped is not
  /// counted.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let stack = stack.trainingMultiplyAdds(rows: tokenCount, selected: labelCount)
    return 2 * (stack + 2 * Double(projection.weight.count) * Double(labelCount))
  }

  public func passWork(tokenCount: Int, labelCount: Int) -> PassWork {
    var work = stack.work(rows: tokenCount, selected: labelCount)
    work.head = projection.work(rows: labelCount)
    work.rows = Double(tokenCount)
    return work
  }

  public func passMemory(_ rows: PassRows, isCheckpointed: Bool) -> PassMemory {
    var memory = stack.memory(
      rows: rows.tokens, selected: rows.labels, longest: rows.longest, threads: rows.threads,
      isCheckpointed: isCheckpointed)
    // The embedded rows, and the gradient of what heads read.
    memory.kept += (rows.tokens + rows.labels) * embedding.width
    memory.forward = max(memory.forward, projection.bufferCount(rows: rows.labels))
    return memory
  }

  public func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int {
    stack.rowCount(of: linear, rows: tokenCount, selected: labelCount) ?? labelCount
  }
}
