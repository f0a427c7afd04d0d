import CKernels
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
  let encoder, decoder: T5Stack
  private var finalState: FinalState?

  /// The rows before the two last norms, and the encoder's behind its own.
  private struct FinalState {
    let encoded, decoded, states: Matrix
    let encoderStatistics, decoderStatistics: NormStatistics
  }

  init(
    _ configuration: T5Configuration, parameters: [Parameter], table: Parameter, encoder: T5Stack, decoder: T5Stack,
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
    guard projection.weight === table else { return }
    let own = Parameter(name: "lm_head.weight", shape: table.shape, values: table.values)
    parameters.append(own)
    projection = LanguageModelHead(weight: own)
  }

  /// What the last states are multiplied by.
  private var outputScale: Float { configuration.scalesOutputs ? 1 / Float(configuration.width).squareRoot() : 1 }

  // MARK: Forward and backward

  public func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix { run(batch, pass, decoding: nil) }

  private func sourcePass(_ batch: PackedBatch, _ pass: Pass) -> Pass { pass.withRows(starts: batch.sourceStarts) }

  /// The decoder's rows that go on to the last norm.
  private func selection(_ batch: PackedBatch, _ pass: Pass) -> RowSelection {
    RowSelection(rows: batch.labelRows, pass: pass.withRows(starts: batch.labelStarts))
  }

  private func embed(_ tokens: [Int32], _ pass: Pass) -> Matrix {
    let x = pass.saved.matrix(tokens.count, configuration.width)
    ck_embed_scaled(x.rows, x.columns, tokens, table.values, 1, x.base)
    return x
  }

  /// What a stack's parts share; the biases live until the caller gives the scratch memory back.
  private func context(
    _ stack: T5Stack, source: (states: Matrix, pass: Pass)? = nil,
    decoding: (cache: KeyValueCache, slots: [Int])? = nil, _ pass: Pass
  ) -> T5Context {
    T5Context(
      pass: pass, bias: stack.bias.values(reach: max(0, pass.longestSequence - 1), pass.scratch), source: source,
      decoding: decoding)
  }

  private func run(
    _ batch: PackedBatch, _ pass: Pass, decoding: (cache: KeyValueCache, slots: [Int])?
  ) -> Matrix {
    let mark = pass.scratch.mark(), sourcePass = sourcePass(batch, pass)
    let encoded = encoder.forward(embed(batch.sourceTokens, pass), context(encoder, sourcePass))
    let states = pass.saved.matrix(encoded.rows, encoded.columns)
    let encoderStatistics = encoder.finalNorm.forward(encoded, into: states, sourcePass)
    let rows = decoder.forward(
      embed(batch.tokens, pass), context(decoder, source: (states, sourcePass), decoding: decoding, pass))
    let selection = selection(batch, pass), decoded = selection.gather(rows)
    let hidden = pass.saved.matrix(batch.labelCount, configuration.width)
    let decoderStatistics = decoder.finalNorm.forward(decoded, into: hidden, selection.pass)
    ck_scale(hidden.count, outputScale, hidden.base)
    if pass.keepsActivations {
      finalState = FinalState(
        encoded: encoded, decoded: decoded, states: states, encoderStatistics: encoderStatistics,
        decoderStatistics: decoderStatistics)
    }
    pass.scratch.release(to: mark)
    return hidden
  }

  public func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass) {
    guard let saved = finalState else { preconditionFailure("backward without a forward that keeps activations") }
    finalState = nil
    let mark = pass.scratch.mark(), sourcePass = sourcePass(batch, pass)
    // hidden = scale norm(rows at labels)
    let d = backwardSelection(dHidden, saved, batch, pass)
    // rows = decoder(E[target], states)
    var decoding = context(decoder, source: (saved.states, sourcePass), pass)
    decoding.dStates = encoder.isTrained || table.isTrained ? zeros(saved.states, pass) : nil
    decoding.dBias = emptyGradient(decoder, decoding)
    decoder.backward(d, needsInputGradient: table.isTrained, decoding)
    addEmbeddingGradient(d, batch.tokens)
    if let dStates = decoding.dStates { backwardEncoder(dStates, saved, batch, sourcePass) }
    pass.scratch.release(to: mark)
  }

  /// The gradient of the decoder's last rows.
  private func backwardSelection(
    _ dHidden: Matrix, _ saved: FinalState, _ batch: PackedBatch, _ pass: Pass
  ) -> Matrix {
    let scaled = pass.scratch.matrix(dHidden.rows, dHidden.columns), dDecoded = zeros(dHidden, pass)
    scaled.copy(from: dHidden)
    ck_scale(scaled.count, outputScale, scaled.base)
    decoder.finalNorm.backward(scaled, x: saved.decoded, saved.decoderStatistics, addingTo: dDecoded)
    let d = pass.scratch.matrix(batch.tokenCount, dHidden.columns)
    selection(batch, pass).scatter(dDecoded, into: d)
    return d
  }

  private func backwardEncoder(_ dStates: Matrix, _ saved: FinalState, _ batch: PackedBatch, _ pass: Pass) {
    // states = norm(encoded)
    let d = zeros(dStates, pass)
    encoder.finalNorm.backward(dStates, x: saved.encoded, saved.encoderStatistics, addingTo: d)
    // encoded = encoder(E[source])
    var encoding = context(encoder, pass)
    encoding.dBias = emptyGradient(encoder, encoding)
    encoder.backward(d, needsInputGradient: table.isTrained, encoding)
    addEmbeddingGradient(d, batch.sourceTokens)
  }

  private func zeros(_ like: Matrix, _ pass: Pass) -> Matrix {
    let matrix = pass.scratch.matrix(like.rows, like.columns)
    matrix.fill(0)
    return matrix
  }

  /// Where the gradient of a stack's biases is added up, if they train.
  private func emptyGradient(_ stack: T5Stack, _ context: T5Context) -> DistanceBias? {
    guard stack.bias.table.isTrained else { return nil }
    let gradient = DistanceBias(
      headCount: configuration.headCount, reach: context.bias.reach, context.pass.scratch)
    gradient.values.fill(0)
    return gradient
  }

  private func addEmbeddingGradient(_ d: Matrix, _ tokens: [Int32]) {
    guard let gradient = table.gradient else { return }
    ck_scatter_add_rows(d.rows, d.columns, tokens, d.base, d.stride, gradient)
  }

  // MARK: Decoding

  public func makeCache(_ room: DecodingRoom) -> KeyValueCache {
    let width = configuration.headCount * configuration.headWidth, layerCount = configuration.decoderLayerCount
    let source = KeyValueCache(
      layerCount: layerCount, slotCount: room.promptCount, capacity: room.promptLength, width: width)
    // The start token has the place of the last new one, which needs none.
    return KeyValueCache(
      layerCount: layerCount, slotCount: room.slotCount, capacity: room.newTokenCount, width: width, source: source)
  }

  public func prefill(_ batch: PackedBatch, cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    for (sequence, slot) in slots.enumerated() { cache.read(sequence, in: slot) }
    let hidden = run(batch, pass, decoding: (cache, slots))
    for (sequence, slot) in slots.enumerated() {
      cache.advance(slot, by: pass.rows(of: sequence).count)
      cache.source?.advance(sequence, by: batch.sourceStarts[sequence + 1] - batch.sourceStarts[sequence])
    }
    return hidden
  }

  public func step(tokens: [Int32], cache: KeyValueCache, slots: [Int], _ pass: Pass) -> Matrix {
    let mark = pass.scratch.mark(), x = embed(tokens, pass)
    let reach = slots.reduce(0) { max($0, cache.lengths[$1]) }
    let context = T5Context(
      pass: pass, bias: decoder.bias.values(reach: reach, pass.scratch), source: nil, decoding: (cache, slots))
    for part in decoder.parts { part.step(x, context) }
    for slot in slots { cache.advance(slot, by: 1) }
    let hidden = pass.saved.matrix(x.rows, x.columns)
    _ = decoder.finalNorm.forward(x, into: hidden, pass)
    ck_scale(hidden.count, outputScale, hidden.base)
    pass.scratch.release(to: mark)
    return hidden
  }
}
