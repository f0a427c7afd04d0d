import Tensors

/// The shape of a decoder of Llama's kind: rotary positions, root-mean-square norms, gated feed-forward parts.
///
/// The families read their config.json into it; see ``llama(_:)`` and its fellows.
public struct DecoderConfiguration: Sendable, Equatable {
  /// Hugging Face's `model_type`.
  public var family: String
  public var vocabularySize: Int
  public var positionCount: Int
  public var width: Int
  public var layerCount: Int
  public var headCount: Int
  /// Heads of keys and values.
  public var keyHeadCount: Int
  /// Width of a head; heads · headWidth may differ from ``width``.
  public var headWidth: Int
  public var innerWidth: Int
  public var epsilon: Float = 1e-6
  public var activation = GateActivation.silu
  public var rotary = RotaryFrequencies()
  /// Biases of q_proj, k_proj and v_proj.
  public var hasInputBiases = false
  /// The bias of o_proj.
  public var hasOutputBias = false
  public var hasFeedForwardBiases = false
  /// Whether queries and keys are normalised, a head at a time.
  public var normalizesHeads = false
  /// What norms add to their weights.
  public var normOffset: Float = 0
  /// Whether norms also stand behind attention and feed-forward parts.
  public var normalizesOutputs = false
  public var embeddingScale: Float = 1
  /// Scores are divided by its root.
  public var scoreDivisor: Float
  /// Bounds of attention scores and of logits; nil: none.
  public var scoreCap, logitCap: Float?
  /// Positions that each layer's attention sees; nil: all before.
  public var windows: [Int?]
  public var tiesEmbeddings = false
  /// Standard deviation of random initial weights.
  public var initializerRange: Float = 0.02

  /// A shape with the defaults of Llama.
  public init(
    family: String, vocabularySize: Int, positionCount: Int, width: Int, layerCount: Int, headCount: Int,
    keyHeadCount: Int, headWidth: Int, innerWidth: Int
  ) {
    (self.family, self.vocabularySize, self.positionCount) = (family, vocabularySize, positionCount)
    (self.width, self.layerCount, self.headCount, self.keyHeadCount) = (width, layerCount, headCount, keyHeadCount)
    (self.headWidth, self.innerWidth, self.scoreDivisor) = (headWidth, innerWidth, Float(headWidth))
    windows = Array(repeating: nil, count: layerCount)
  }

  /// Reads the keys that all families share.
  ///
  /// - Parameters:
  ///   - headWidth: What a missing head_dim stands for; nil: hidden_size / num_attention_heads.
  ///   - ties: What a missing tie_word_embeddings stands for.
  /// - Throws: ``BackboneError`` when a key is missing, of the wrong kind, or asks for what is lacking here.
  init(_ reader: ConfigurationReader, family: String, headWidth: Int? = nil, ties: Bool = false) throws {
    let width = try reader.integer("hidden_size"), headCount = try reader.integer("num_attention_heads")
    let headWidth = try reader.optionalInteger("head_dim") ?? headWidth
    if headWidth == nil, width % headCount != 0 {
      throw BackboneError.configuration(
        file: reader.file, "hidden_size \(width) does not divide into num_attention_heads \(headCount) heads")
    }
    self.init(
      family: family, vocabularySize: try reader.integer("vocab_size"),
      positionCount: try reader.integer("max_position_embeddings"), width: width,
      layerCount: try reader.integer("num_hidden_layers", upTo: 10_000), headCount: headCount,
      keyHeadCount: try reader.optionalInteger("num_key_value_heads") ?? headCount,
      headWidth: headWidth ?? width / headCount, innerWidth: try reader.integer("intermediate_size"))
    epsilon = Float(try reader.number("rms_norm_eps", default: 1e-6))
    rotary = try RotaryFrequencies(reader)
    tiesEmbeddings = try reader.boolean("tie_word_embeddings", default: ties)
    initializerRange = Float(try reader.number("initializer_range", default: 0.02))
    try requireFittingHeads(reader.file)
    try requireCountableNumbers(file: reader.file)
    try reader.refuse("use_bidirectional_attention")
    if try reader.object("quantization_config") != nil {
      throw BackboneError.configuration(
        file: reader.file, "quantization_config is not supported; take the model's plain weights")
    }
  }

  private func requireFittingHeads(_ file: String) throws {
    guard headCount % keyHeadCount == 0 else {
      throw BackboneError.configuration(
        file: file, "num_attention_heads \(headCount) does not divide into num_key_value_heads \(keyHeadCount) groups")
    }
    guard headWidth % 2 == 0 else {
      throw BackboneError.configuration(
        file: file, "the width of a head is \(headWidth), but rotary positions turn pairs: it must be even")
    }
  }
}

extension DecoderConfiguration: BackboneConfiguration {
  public var parameterShapes: [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [("model.embed_tokens.weight", [vocabularySize, width])]
    func add(_ path: String, _ outputs: Int, _ inputs: Int, hasBias: Bool) {
      shapes.append((path + ".weight", [outputs, inputs]))
      if hasBias { shapes.append((path + ".bias", [outputs])) }
    }
    for layer in 0..<layerCount {
      let block = "model.layers.\(layer).", attention = block + "self_attn."
      add(attention + "q_proj", headCount * headWidth, width, hasBias: hasInputBiases)
      add(attention + "k_proj", keyHeadCount * headWidth, width, hasBias: hasInputBiases)
      add(attention + "v_proj", keyHeadCount * headWidth, width, hasBias: hasInputBiases)
      add(attention + "o_proj", width, headCount * headWidth, hasBias: hasOutputBias)
      if normalizesHeads {
        shapes += [(attention + "q_norm.weight", [headWidth]), (attention + "k_norm.weight", [headWidth])]
      }
      add(block + "mlp.gate_proj", innerWidth, width, hasBias: hasFeedForwardBiases)
      add(block + "mlp.up_proj", innerWidth, width, hasBias: hasFeedForwardBiases)
      add(block + "mlp.down_proj", width, innerWidth, hasBias: hasFeedForwardBiases)
      shapes += normNames.map { (block + $0 + ".weight", [width]) }
    }
    shapes.append(("model.norm.weight", [width]))
    if !tiesEmbeddings { shapes.append(("lm_head.weight", [vocabularySize, width])) }
    return shapes
  }

  /// A block's norms: before attention, behind it or before the feed-forward part, and with norms behind the parts two
  /// more.
  private var normNames: [String] {
    ["input_layernorm", "post_attention_layernorm"]
      + (normalizesOutputs ? ["pre_feedforward_layernorm", "post_feedforward_layernorm"] : [])
  }

  public func limited(toLayers count: Int) -> any BackboneConfiguration {
    var result = self
    result.layerCount = min(layerCount, count)
    result.windows = Array(windows.prefix(count))
    return result
  }

  /// Files of the model without its head leave out the leading `model.`.
  public func fileNames(of name: String) -> [String] { [name] + name.withoutPrefix("model.") }

  /// Frequencies that older files carry, and a copy of the tied projection.
  public func ignores(_ fileName: String) -> Bool {
    fileName.hasSuffix("rotary_emb.inv_freq") || (tiesEmbeddings && fileName == "lm_head.weight")
  }

  /// Initial values as Hugging Face's: N(0, initializer_range), biases 0, norms the identity.
  public func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    if name.hasSuffix(".bias") { return values.update(repeating: 0) }
    if name.hasSuffix("norm.weight") { return values.update(repeating: 1 - normOffset) }
    fillNormal(name, values, standardDeviation: initializerRange, seed: seed)
  }

  public func makeBackbone(_ arrays: BackboneArrays) -> any Backbone {
    let rotary = RotaryEmbedding(rotary, headWidth: headWidth)
    let tokens = arrays["model.embed_tokens.weight"]
    return Decoder(
      family: family, maximumLength: positionCount, parameters: arrays.parameters,
      embedding: TokenEmbedding(tokens: tokens, scale: embeddingScale),
      stack: Stack(
        (0..<layerCount).map { block($0, arrays, rotary) }, finalNorm: norm("model.norm", arrays)),
      layerCount: layerCount, keyWidth: keyHeadCount * headWidth,
      head: LanguageModelHead(weight: tiesEmbeddings ? tokens : arrays["lm_head.weight"], softCap: logitCap))
  }

  private func block(_ layer: Int, _ arrays: BackboneArrays, _ rotary: RotaryEmbedding) -> [ResidualPart] {
    let path = "model.layers.\(layer).", attention = path + "self_attn."
    func linear(_ path: String) -> Linear {
      Linear(
        path: path, weight: arrays[path + ".weight"], bias: arrays.optional(path + ".bias"), layout: .outputsByInputs)
    }
    let core = Attention(
      headCount: headCount, keyHeadCount: keyHeadCount, headWidth: headWidth, scale: 1 / scoreDivisor.squareRoot(),
      softCap: scoreCap, window: windows[layer])
    let part = AttentionPart(
      core,
      projection: .separate(
        queries: linear(attention + "q_proj"), keys: linear(attention + "k_proj"),
        values: linear(attention + "v_proj")),
      output: linear(attention + "o_proj"),
      queryNorm: normalizesHeads ? norm(attention + "q_norm", arrays) : nil,
      keyNorm: normalizesHeads ? norm(attention + "k_norm", arrays) : nil, rotary: rotary, layer: layer)
    let feedForward = GatedFeedForward(
      gate: linear(path + "mlp.gate_proj"), up: linear(path + "mlp.up_proj"), down: linear(path + "mlp.down_proj"),
      activation: activation)
    let norms = normNames.map { norm(path + $0, arrays) }
    guard normalizesOutputs else {
      return [ResidualPart(before: norms[0], part), ResidualPart(before: norms[1], feedForward)]
    }
    return [
      ResidualPart(before: norms[0], part, after: norms[1]),
      ResidualPart(before: norms[2], feedForward, after: norms[3]),
    ]
  }

  private func norm(_ path: String, _ arrays: BackboneArrays) -> RMSNorm {
    RMSNorm(weight: arrays[path + ".weight"], offset: normOffset, epsilon: epsilon)
  }
}
