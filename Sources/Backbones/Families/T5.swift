import Tensors

/// T5 (Raffel et al. 2020): an encoder and a decoder that meet in cross-attention, positions as biases by distance,
/// root-mean-square norms before each part, no biases in the maps.
///
///     states = norm(encoder(E[source]))        hidden = scale norm(decoder(E[target], states))
///
/// The model's own dropout is not applied: the backbone is frozen.
public final class T5: GenerativeBackbone {
  public let configuration: T5Configuration
  public let family = "t5"
  public private(set) var parameters: [Parameter]
  private(set) var projection: LanguageModelHead
  private let table: Parameter
  let encoder, decoder: Stack
  /// The encoder's last states of the pass under way.
  private var states: Matrix?

  init(
    _ configuration: T5Configuration, parameters: [Parameter], table: Parameter, encoder: Stack, decoder: Stack,
    head: LanguageModelHead
  ) {
    (self.configuration, self.parameters, self.table) = (configuration, parameters, table)
    (self.encoder, self.decoder, projection) = (encoder, decoder, head)
  }

  public var architecture: Architecture { configuration.architecture }
  public var maximumLength: Int { configuration.positionCount }
  public var head: (any OutputHead)? { projection }
  public var vocabularySize: Int { configuration.vocabularySize }
  public var linears: [Linear] { encoder.linears + decoder.linears }

  public func untieHead() {
    guard let own = projection.untied(from: table, named: "lm_head.weight") else { return }
    parameters.append(own.weight)
    projection = own
  }

  /// What the last states are multiplied by.
  private var outputScale: Float { configuration.scalesOutputs ? 1 / Float(configuration.width).squareRoot() : 1 }

  // MARK: Forward and backward

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix {
    let mark = pass.scratch.mark(), sourcePass = pass.over(batch.sourceRows)
    let states = encode(batch.sourceTokens, sourcePass)
    if pass.keepsActivations { self.states = states }
    let hidden = decoder.forward(
      embed(batch.tokens, pass), context(decoder, source: (states, sourcePass), pass),
      selection: RowSelection(batch, pass))
    hidden.scale(by: outputScale)
    pass.scratch.release(to: mark)
    return hidden
  }

  /// The encoder's states of sources.
  private func encode(_ tokens: [Int32], _ pass: Pass) -> Matrix {
    encoder.forward(embed(tokens, pass), context(encoder, pass))
  }

  private func embed(_ tokens: [Int32], _ pass: Pass) -> Matrix {
    let x = pass.saved.matrix(tokens.count, configuration.width)
    pass.measure(.embed) { table.matrix.lookUp(tokens, into: x) }
    return x
  }

  /// What a stack's parts share; the biases live until the caller gives the scratch memory back.
  private func context(
    _ stack: Stack, source: (states: Matrix, pass: Pass)? = nil, decoding: StackContext.Decoding? = nil, _ pass: Pass
  ) -> StackContext {
    let reach = Int(pass.rows.largestPosition)
    return StackContext(pass, bias: stack.bias?.values(reach: reach, pass.scratch), source: source, decoding: decoding)
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    guard let states else { preconditionFailure("backward without a forward that keeps activations") }
    self.states = nil
    let mark = pass.scratch.mark(), sourcePass = pass.over(batch.sourceRows)
    // hidden = scale decoder(E[target], states)
    let d = pass.scratch.matrix(dHidden.rows, dHidden.columns)
    d.copy(from: dHidden)
    d.scale(by: outputScale)
    var decoding = context(decoder, source: (states, sourcePass), pass)
    if encoder.isTrained || table.isTrained {
      decoding.dStates = pass.scratch.matrix(states.rows, states.columns)
      decoding.dStates?.fill(0)
    }
    backward(decoder, d, decoding, RowSelection(batch, pass), batch.tokens)
    // states = encoder(E[source])
    if let dStates = decoding.dStates {
      backward(encoder, dStates, context(encoder, sourcePass), nil, batch.sourceTokens)
    }
    pass.scratch.release(to: mark)
  }

  private func backward(
    _ stack: Stack, _ d: Matrix, _ context: StackContext, _ selection: RowSelection?, _ tokens: [Int32]
  ) {
    var context = context
    if let bias = context.bias, stack.bias?.table.isTrained ?? false {
      context.dBias = DistanceBias(headCount: configuration.headCount, reach: bias.reach, context.pass.scratch)
      context.dBias?.values.fill(0)
    }
    let dx = stack.backward(d, context, selection: selection, needsInputGradient: table.isTrained)
    if let dx { context.pass.measure(.embed) { table.gradient?.addRows(dx, at: tokens) } }
  }

  // MARK: Decoding

  private var keyWidth: Int { configuration.headCount * configuration.headWidth }

  public var cacheRowByteCount: Int {
    2 * configuration.decoderLayerCount * keyWidth * MemoryLayout<Float>.stride
  }

  public func makeCache(rowCount: Int) -> KeyValueCache {
    func cache(source: KeyValueCache?) -> KeyValueCache {
      KeyValueCache(
        layerCount: configuration.decoderLayerCount, rowCount: rowCount, width: keyWidth, source: source)
    }
    return cache(source: cache(source: nil))
  }

  public func extend(_ batch: DecodingBatch, _ cache: KeyValueCache, _ pass: Pass) -> Matrix {
    let mark = pass.scratch.mark()
    // Sources that the cache holds already are not read again.
    let source = batch.sourceTokens.isEmpty ? nil : pass.over(batch.sourceRows)
    let hidden = decoder.forward(
      embed(batch.tokens, pass),
      context(
        decoder, source: source.map { (encode(batch.sourceTokens, $0), $0) }, decoding: .init(cache, batch), pass),
      selection: RowSelection(batch, pass))
    hidden.scale(by: outputScale)
    pass.scratch.release(to: mark)
    return hidden
  }

  // MARK: Counting

  /// - Parameter labelCount: Also the decoder's rows: every one of them has a label.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let stacks =
      encoder.trainingMultiplyAdds(rows: tokenCount, selected: tokenCount)
      + decoder.trainingMultiplyAdds(rows: labelCount, selected: labelCount, sources: tokenCount)
    return 2 * (stacks + 2 * Double(projection.weight.count) * Double(labelCount))
  }

  public var layerCount: Int { configuration.encoderLayerCount + configuration.decoderLayerCount }

  public func passWork(tokenCount: Int, labelCount: Int) -> PassWork {
    var work =
      encoder.work(rows: tokenCount, selected: tokenCount)
      + decoder.work(rows: labelCount, selected: labelCount, sources: tokenCount)
    work.head = projection.work(rows: labelCount)
    work.rows = Double(tokenCount + labelCount)
    return work
  }

  public func passMemory(_ rows: PassRows, isCheckpointed: Bool) -> PassMemory {
    let width = configuration.width
    let first = encoder.memory(
      rows: rows.sources, selected: rows.sources, longest: rows.longestSource, threads: rows.threads,
      isCheckpointed: isCheckpointed)
    let second = decoder.memory(
      rows: rows.tokens, selected: rows.labels, sources: rows.sources, longest: rows.longest,
      longestSource: rows.longestSource, threads: rows.threads, isCheckpointed: isCheckpointed)
    let biases = configuration.headCount * 2 * (rows.longest + rows.longestSource)
    return PassMemory(
      kept: first.kept + second.kept + (rows.sources + rows.tokens + rows.labels) * width,
      forward: biases + max(first.forward, second.forward, projection.bufferCount(rows: rows.labels)),
      backward: biases + (rows.labels + rows.sources) * width + max(first.backward, second.backward))
  }

  /// The encoder's maps see the source, and so do those in the decoder that make keys and values of it.
  public func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int {
    encoder.rowCount(of: linear, rows: tokenCount, selected: tokenCount)
      ?? decoder.rowCount(of: linear, rows: labelCount, selected: labelCount, sources: tokenCount) ?? labelCount
  }
}
