import Tensors

/// A decoder-only language model: an embedding, pre-norm blocks, a last norm, and the output projection.
///
/// What the families differ in lies in their blocks. The model's own dropouts are not applied: the backbone is frozen.
public final class Decoder: GenerativeBackbone {
  public let family: String
  public let maximumLength: Int
  public private(set) var parameters: [Parameter]
  private(set) var projection: LanguageModelHead
  private let embedding: TokenEmbedding
  let blocks: [DecoderBlock]
  private let finalNorm: any Norm
  private var finalState: (x: Matrix, statistics: NormStatistics)?

  /// - Parameters:
  ///   - parameters: Every array of the model, in the order of its file.
  ///   - head: The output projection; its weight is the embedding's or one of its own.
  init(
    family: String, maximumLength: Int, parameters: [Parameter], embedding: TokenEmbedding, blocks: [DecoderBlock],
    finalNorm: any Norm, head: LanguageModelHead
  ) {
    (self.family, self.maximumLength, self.parameters) = (family, maximumLength, parameters)
    (self.embedding, self.blocks, self.finalNorm, projection) = (embedding, blocks, finalNorm, head)
  }

  public var head: (any OutputHead)? { projection }
  public var vocabularySize: Int { projection.outputCount }
  public var linears: [Linear] { blocks.flatMap(\.linears) }

  public func untieHead() {
    let table = embedding.tokens
    guard projection.weight === table else { return }
    let own = Parameter(name: "lm_head.weight", shape: table.shape, values: table.values)
    parameters.append(own)
    projection = LanguageModelHead(weight: own, softCap: projection.softCap)
  }

  // MARK: Forward and backward

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    run(batch, pass, cache: nil, slots: [])
  }

  public func prefill(_ batch: PackedBatch, cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    defer { for (sequence, slot) in slots.enumerated() { cache.advance(slot, by: pass.rows(of: sequence).count) } }
    return run(batch, pass, cache: cache, slots: slots)
  }

  /// The last block goes on with the label rows alone.
  private func selection(_ batch: PackedBatch, _ pass: Pass) -> RowSelection {
    RowSelection(rows: batch.labelRows, pass: pass.withRows(starts: batch.labelStarts))
  }

  private func run(_ batch: PackedBatch, _ pass: Pass, cache: KeyValueCache?, slots: [Int]) -> Matrix {
    let width = embedding.width
    var x = pass.saved.matrix(batch.tokenCount, width)
    var spare = pass.keepsActivations ? nil : pass.saved.matrix(batch.tokenCount, width)
    embedding.forward(batch.tokens, positions: batch.positions, into: x)
    for (layer, block) in blocks.enumerated() {
      let isLast = layer == blocks.count - 1
      let y =
        isLast
        ? pass.saved.matrix(batch.labelCount, width) : spare ?? pass.saved.matrix(batch.tokenCount, width)
      block.forward(
        x, into: y, selection: isLast ? selection(batch, pass) : nil,
        store: cache.map { cache in { self.store($0, $1, layer, slots, cache, pass) } }, pass)
      if spare != nil { spare = x }
      x = y
    }
    let hidden = pass.saved.matrix(batch.labelCount, width)
    let statistics = finalNorm.forward(x, into: hidden, pass.withRows(starts: batch.labelStarts))
    if pass.keepsActivations { finalState = (x, statistics) }
    return hidden
  }

  private func store(
    _ keys: Matrix, _ values: Matrix, _ layer: Int, _ slots: [Int], _ cache: KeyValueCache, _ pass: Pass
  ) {
    for (sequence, slot) in slots.enumerated() {
      let rows = pass.rows(of: sequence)
      cache.append(layer: layer, slot: slot, keys: keys.rows(rows), values: values.rows(rows))
    }
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    guard let finalState else { preconditionFailure("backward without a forward that keeps activations") }
    self.finalState = nil
    let mark = pass.scratch.mark()
    // hidden = norm(x)
    var d = pass.scratch.matrix(dHidden.rows, dHidden.columns)
    d.fill(0)
    finalNorm.backward(dHidden, x: finalState.x, finalState.statistics, addingTo: d)
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
    if embedding.isTrained { embedding.backward(d, batch) }
    pass.scratch.release(to: mark)
  }

  // MARK: Decoding

  public func makeCache(_ room: DecodingRoom) -> KeyValueCache {
    KeyValueCache(
      layerCount: blocks.count, slotCount: room.slotCount,
      capacity: min(room.promptLength + room.newTokenCount, maximumLength),
      width: blocks[0].attention.core.keyWidth)
  }

  public func step(tokens: [Int32], cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    let x = pass.saved.matrix(tokens.count, embedding.width)
    embedding.forward(tokens, positions: slots.map { Int32(cache.lengths[$0]) }, into: x)
    for (layer, block) in blocks.enumerated() { block.step(x, layer: layer, cache: cache, slots: slots, pass) }
    for slot in slots { cache.advance(slot, by: 1) }
    let hidden = pass.saved.matrix(x.rows, x.columns)
    _ = finalNorm.forward(x, into: hidden, pass)
    return hidden
  }
}
