import Tensors

/// T5's arrays: a shared embedding, two stacks, and where it is not tied an output projection. Weights lie as
/// (outputs, inputs).
extension T5Configuration: BackboneConfiguration {
  public var architecture: Architecture { .encoderDecoder(decoderTokens) }

  /// Positions are distances: no table ends.
  public var positionCount: Int { Int(Int32.max) }

  public var parameterShapes: [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = [("shared.weight", [vocabularySize, width])]
    shapes += stackShapes("encoder", layerCount: encoderLayerCount, parts: ["SelfAttention"])
    shapes += stackShapes("decoder", layerCount: decoderLayerCount, parts: ["SelfAttention", "EncDecAttention"])
    if !tiesEmbeddings { shapes.append(("lm_head.weight", [vocabularySize, width])) }
    return shapes
  }

  /// - Parameter parts: The attention parts of a block.
  private func stackShapes(_ stack: String, layerCount: Int, parts: [String]) -> [(name: String, shape: [Int])] {
    var shapes: [(name: String, shape: [Int])] = []
    let headsWidth = headCount * headWidth
    for layer in 0..<layerCount {
      for (place, part) in parts.enumerated() {
        let path = "\(stack).block.\(layer).layer.\(place)."
        shapes += ["q", "k", "v"].map { ("\(path)\(part).\($0).weight", [headsWidth, width]) }
        shapes.append(("\(path)\(part).o.weight", [width, headsWidth]))
        if layer == 0, place == 0 {
          shapes.append(("\(path)\(part).relative_attention_bias.weight", [bucketCount, headCount]))
        }
        shapes.append((path + "layer_norm.weight", [width]))
      }
      let path = "\(stack).block.\(layer).layer.\(parts.count)."
      shapes += innerNames.map { ("\(path)DenseReluDense.\($0).weight", [innerWidth, width]) }
      shapes += [(path + "DenseReluDense.wo.weight", [width, innerWidth]), (path + "layer_norm.weight", [width])]
    }
    return shapes + [("\(stack).final_layer_norm.weight", [width])]
  }

  private var innerNames: [String] { feedForward == .gatedGELU ? ["wi_0", "wi_1"] : ["wi"] }

  /// Version 1.1's config.json may say that the projection is tied beside a file that holds its own.
  public func fitting(_ fileNames: Set<String>) -> any BackboneConfiguration {
    var configuration = self
    if !scalesOutputs, fileNames.contains("lm_head.weight") { configuration.tiesEmbeddings = false }
    return configuration
  }

  /// Some files hold the embedding under the stacks' names alone.
  public func fileNames(of name: String) -> [String] {
    name == "shared.weight" ? [name, "encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] : [name]
  }

  /// Copies of the embedding, and a bias of cross-attention that older files carry and no version reads.
  public func ignores(_ fileName: String) -> Bool {
    fileName == "encoder.embed_tokens.weight" || fileName == "decoder.embed_tokens.weight"
      || fileName.hasSuffix("EncDecAttention.relative_attention_bias.weight")
      || (tiesEmbeddings && fileName == "lm_head.weight")
  }

  /// Initial values as Hugging Face's: normal, with deviations that stand for unscaled attention scores; norms 1.
  public func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    if name.hasSuffix("layer_norm.weight") { return values.update(repeating: initializerFactor) }
    fillNormal(name, values, standardDeviation: initializerFactor * deviation(name), seed: seed)
  }

  private func deviation(_ name: String) -> Float {
    let inputs =
      switch name.split(separator: ".").dropLast().last {
      case "shared", "lm_head": 1
      case "q": width * headWidth
      case "o": headCount * headWidth
      case "wo": innerWidth
      default: width
      }
    return 1 / Float(inputs).squareRoot()
  }

  public func limited(toLayers count: Int) -> any BackboneConfiguration {
    var result = self
    (result.encoderLayerCount, result.decoderLayerCount) = (
      min(encoderLayerCount, count), min(decoderLayerCount, count)
    )
    return result
  }

  public func makeBackbone(_ arrays: BackboneArrays) -> any Backbone {
    let table = arrays["shared.weight"]
    return T5(
      self, parameters: arrays.parameters, table: table,
      encoder: stack("encoder", layerCount: encoderLayerCount, isDecoder: false, arrays),
      decoder: stack("decoder", layerCount: decoderLayerCount, isDecoder: true, arrays),
      head: LanguageModelHead(weight: tiesEmbeddings ? table : arrays["lm_head.weight"]))
  }

  private func stack(_ name: String, layerCount: Int, isDecoder: Bool, _ arrays: BackboneArrays) -> Stack {
    let layers = (0..<layerCount).map { layer -> [ResidualPart] in
      let path = "\(name).block.\(layer).layer."
      let own = attention("\(path)0.", "SelfAttention", mask: isDecoder ? .causal : .full, layer, arrays)
      guard isDecoder else { return [own, feedForwardPart("\(path)1.", arrays)] }
      let cross = attention("\(path)1.", "EncDecAttention", mask: .full, layer, arrays)
      return [own, cross, feedForwardPart("\(path)2.", arrays)]
    }
    let bias = RelativePositionBias(
      table: arrays["\(name).block.0.layer.0.SelfAttention.relative_attention_bias.weight"],
      maximumDistance: maximumDistance, isBidirectional: !isDecoder)
    return Stack(layers, finalNorm: norm(name + ".final_layer_norm", arrays), bias: bias)
  }

  private func norm(_ path: String, _ arrays: BackboneArrays) -> RMSNorm {
    RMSNorm(weight: arrays[path + ".weight"], epsilon: epsilon)
  }

  private func linear(_ path: String, _ arrays: BackboneArrays) -> Linear {
    Linear(path: path, weight: arrays[path + ".weight"], bias: nil, layout: .outputsByInputs)
  }

  /// Scores are not scaled (the initial q takes care of that); those on the own stream are biased by distance.
  private func attention(
    _ path: String, _ name: String, mask: Attention.Mask, _ layer: Int, _ arrays: BackboneArrays
  ) -> ResidualPart {
    func map(_ letter: String) -> Linear { linear("\(path)\(name).\(letter)", arrays) }
    let part = AttentionPart(
      Attention(headCount: headCount, headWidth: headWidth, scale: 1, mask: mask),
      projection: .separate(queries: map("q"), keys: map("k"), values: map("v")), output: map("o"),
      readsSource: name == "EncDecAttention", layer: layer)
    return ResidualPart(before: norm(path + "layer_norm", arrays), part)
  }

  private func feedForwardPart(_ path: String, _ arrays: BackboneArrays) -> ResidualPart {
    func map(_ name: String) -> Linear { linear("\(path)DenseReluDense.\(name)", arrays) }
    let inner: any Sublayer =
      switch feedForward {
      case .relu: PlainFeedForward(expand: map("wi"), contract: map("wo"), activation: .relu)
      case .gelu: PlainFeedForward(expand: map("wi"), contract: map("wo"))
      case .gatedGELU:
        GatedFeedForward(gate: map("wi_0"), up: map("wi_1"), down: map("wo"), activation: .geluTanh)
      }
    return ResidualPart(before: norm(path + "layer_norm", arrays), inner)
  }
}
