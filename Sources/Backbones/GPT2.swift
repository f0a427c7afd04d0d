import CKernels
import Tensors

/// GPT-2 (Radford et al. 2019): learned positions, pre-norm blocks, tied output projection.
///
/// The model's own dropouts (attn_pdrop, resid_pdrop, embd_pdrop) are not applied: the backbone is frozen.
public final class GPT2: Backbone {
  public let configuration: GPT2Configuration
  public let family = "gpt2"
  public private(set) var parameters: [Parameter]
  public private(set) var head: LanguageModelHead
  private let tokenTable, positionTable: Parameter
  let blocks: [GPT2Block]
  private let finalNorm: LayerNorm
  private var finalState: (x: Matrix, statistics: LayerNorm.Statistics)?

  /// - Parameter values: Gives the memory of an array by its name; asked once for each of
  ///   ``GPT2Configuration/parameterShapes``.
  public init(_ configuration: GPT2Configuration, values: (String) -> UnsafeMutablePointer<Float>) {
    self.configuration = configuration
    let parameters = configuration.parameterShapes.map { Parameter(name: $0.name, shape: $0.shape, values: values($0.name)) }
    self.parameters = parameters
    let named = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
    func norm(_ path: String) -> LayerNorm {
      LayerNorm(gamma: named[path + ".weight"]!, beta: named[path + ".bias"]!, epsilon: configuration.epsilon)
    }
    func linear(_ path: String) -> Linear {
      Linear(path: path, weight: named[path + ".weight"]!, bias: named[path + ".bias"]!, layout: .inputsByOutputs)
    }
    let headWidth = configuration.width / configuration.headCount
    let scale = configuration.scalesScores ? 1 / Float(headWidth).squareRoot() : 1
    blocks = (0..<configuration.layerCount).map { layer in
      let path = "transformer.h.\(layer)."
      return GPT2Block(
        norm1: norm(path + "ln_1"), norm2: norm(path + "ln_2"), attentionInput: linear(path + "attn.c_attn"),
        attentionOutput: linear(path + "attn.c_proj"), expand: linear(path + "mlp.c_fc"),
        contract: linear(path + "mlp.c_proj"),
        attention: CausalAttention(
          headCount: configuration.headCount, headWidth: headWidth,
          scale: configuration.scalesByLayer ? scale / Float(layer + 1) : scale))
    }
    finalNorm = norm("transformer.ln_f")
    tokenTable = named["transformer.wte.weight"]!
    positionTable = named["transformer.wpe.weight"]!
    head = LanguageModelHead(weight: named["lm_head.weight"] ?? tokenTable)
  }

  public var maximumLength: Int { configuration.positionCount }
  public var linears: [Linear] { blocks.flatMap(\.linears) }

  public func untieHead() {
    guard head.weight === tokenTable else { return }
    let own = Parameter(name: "lm_head.weight", shape: tokenTable.shape, values: tokenTable.values)
    parameters.append(own)
    head = LanguageModelHead(weight: own)
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
  private func selection(_ batch: PackedBatch, _ pass: Pass) -> GPT2Block.Selection {
    GPT2Block.Selection(rows: batch.labelRows, pass: pass.withRows(starts: batch.labelStarts))
  }

  private func run(_ batch: PackedBatch, _ pass: Pass, cache: KeyValueCache?, slots: [Int]) -> Matrix {
    let width = configuration.width
    var x = pass.saved.matrix(batch.tokenCount, width)
    var spare = pass.keepsActivations ? nil : pass.saved.matrix(batch.tokenCount, width)
    ck_embed(batch.tokenCount, width, batch.tokens, batch.positions, tokenTable.values, positionTable.values, x.base)
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
    // hidden = ln_f(x)
    var d = pass.scratch.matrix(dHidden.rows, dHidden.columns)
    d.fill(0)
    finalNorm.backward(dHidden, x: finalState.x, finalState.statistics, addingTo: d)
    let embeddingsTrain = tokenTable.isTrained || positionTable.isTrained
    let lowest = embeddingsTrain ? 0 : blocks.firstIndex { $0.isTrained } ?? blocks.count
    for layer in blocks.indices.reversed() where layer >= lowest {
      let needsInputGradient = embeddingsTrain || layer > lowest
      let isLast = layer == blocks.count - 1
      guard
        let next = blocks[layer].backward(
          d, selection: isLast ? selection(batch, pass) : nil, needsInputGradient: needsInputGradient, pass)
      else { break }
      d = next
    }
    if embeddingsTrain { backwardEmbedding(d, batch) }
    pass.scratch.release(to: mark)
  }

  private func backwardEmbedding(_ d: Matrix, _ batch: PackedBatch) {
    // x = wte[token] + wpe[position]
    if let gradient = tokenTable.gradient {
      ck_scatter_add_rows(d.rows, d.columns, batch.tokens, d.base, d.stride, gradient)
    }
    if let gradient = positionTable.gradient {
      ck_scatter_add_rows(d.rows, d.columns, batch.positions, d.base, d.stride, gradient)
    }
  }

  // MARK: Decoding

  public func makeCache(slotCount: Int, capacity: Int) -> KeyValueCache {
    KeyValueCache(
      layerCount: configuration.layerCount, slotCount: slotCount, capacity: min(capacity, maximumLength),
      width: configuration.width)
  }

  public func step(tokens: [Int32], cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    let x = pass.saved.matrix(tokens.count, configuration.width)
    let positions = slots.map { Int32(cache.lengths[$0]) }
    ck_embed(x.rows, x.columns, tokens, positions, tokenTable.values, positionTable.values, x.base)
    for (layer, block) in blocks.enumerated() { block.step(x, layer: layer, cache: cache, slots: slots, pass) }
    for slot in slots { cache.advance(slot, by: 1) }
    let hidden = pass.saved.matrix(x.rows, x.columns)
    _ = finalNorm.forward(x, into: hidden, pass)
    return hidden
  }
}
