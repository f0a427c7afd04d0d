import Tensors

/// GPT-2 (Radford et al. 2019): learned positions, layer norms, one map to queries, keys and values, tied output
/// projection. Its weights lie as (inputs, outputs).
extension GPT2Configuration: BackboneConfiguration {
  public func makeBackbone(_ arrays: BackboneArrays) -> any Backbone {
    func norm(_ path: String) -> LayerNorm {
      LayerNorm(gamma: arrays[path + ".weight"], beta: arrays[path + ".bias"], epsilon: epsilon)
    }
    func linear(_ path: String) -> Linear {
      Linear(
        path: path, weight: arrays[path + ".weight"], bias: arrays[path + ".bias"], layout: .inputsByOutputs)
    }
    let headWidth = width / headCount, scale = scalesScores ? 1 / Float(headWidth).squareRoot() : 1
    let layers = (0..<layerCount).map { layer -> [ResidualPart] in
      let path = "transformer.h.\(layer)."
      let attention = AttentionPart(
        Attention(headCount: headCount, headWidth: headWidth, scale: scalesByLayer ? scale / Float(layer + 1) : scale),
        projection: .joined(linear(path + "attn.c_attn")), output: linear(path + "attn.c_proj"), layer: layer)
      let feedForward = PlainFeedForward(expand: linear(path + "mlp.c_fc"), contract: linear(path + "mlp.c_proj"))
      return [
        ResidualPart(before: norm(path + "ln_1"), attention), ResidualPart(before: norm(path + "ln_2"), feedForward),
      ]
    }
    let tokens = arrays["transformer.wte.weight"]
    return Decoder(
      family: "gpt2", maximumLength: positionCount, parameters: arrays.parameters,
      embedding: TokenEmbedding(tokens: tokens, positions: arrays["transformer.wpe.weight"]),
      stack: Stack(layers, finalNorm: norm("transformer.ln_f")), layerCount: layerCount, keyWidth: width,
      head: LanguageModelHead(weight: tiesEmbeddings ? tokens : arrays["lm_head.weight"]))
  }

  public func limited(toLayers count: Int) -> any BackboneConfiguration {
    var result = self
    result.layerCount = min(layerCount, count)
    return result
  }

  /// GPT-2's own checkpoints leave out the leading `transformer.`.
  public func fileNames(of name: String) -> [String] { [name] + name.withoutPrefix("transformer.") }

  /// Constant masks, and copies of the tied projection, that older files carry.
  public func ignores(_ fileName: String) -> Bool {
    fileName.hasSuffix(".attn.bias") || fileName.hasSuffix(".attn.masked_bias") || fileName == "lm_head.weight"
  }

  /// GPT-2's initial values: N(0, initializer_range), residual projections divided by √(2 · layers), biases 0, norms 1.
  public func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    if name.hasSuffix(".bias") { return values.update(repeating: 0) }
    if name.contains(".ln_") { return values.update(repeating: 1) }
    let isResidual = name.hasSuffix("c_proj.weight")
    let deviation = isResidual ? initializerRange / (2 * Float(layerCount)).squareRoot() : initializerRange
    fillNormal(name, values, standardDeviation: deviation, seed: seed)
  }
}
