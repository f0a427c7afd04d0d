import Tensors

extension DecoderConfiguration {
  /// Llama (Touvron et al. 2023), to Llama 3.2: grouped queries, SwiGLU.
  static func llama(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "llama")
    shape.activation = try reader.gateActivation("hidden_act", default: "silu")
    shape.hasInputBiases = try reader.boolean("attention_bias", default: false)
    shape.hasOutputBias = shape.hasInputBiases
    shape.hasFeedForwardBiases = try reader.boolean("mlp_bias", default: false)
    return shape
  }
}

extension ConfigurationReader {
  /// The activation of a gated feed-forward part, under Hugging Face's names.
  func gateActivation(_ key: String, default fallback: String) throws -> GateActivation {
    switch try require(key, oneOf: ["silu", "swish", "gelu_pytorch_tanh", "gelu_new"], default: fallback) {
    case "silu", "swish": .silu
    default: .geluTanh
    }
  }

  /// What each layer's attention sees by layer_types, or by `isSliding` where there is no such list.
  ///
  /// - Parameter window: What sliding_attention sees; nil: there is none.
  func windows(layerCount: Int, window: Int?, isSliding: (Int) -> Bool) throws -> [Int?] {
    guard let types = try optionalTexts("layer_types") else {
      return (0..<layerCount).map { isSliding($0) ? window : nil }
    }
    guard types.count == layerCount else {
      throw BackboneError.configuration(
        file: file, "layer_types names \(types.count) layers, but num_hidden_layers is \(layerCount)")
    }
    return try types.map { type in
      switch type {
      case "full_attention": return nil
      case "sliding_attention" where window != nil: return window
      default:
        throw BackboneError.configuration(
          file: file,
          type == "sliding_attention"
            ? "layer_types asks for sliding_attention, but there is no sliding_window"
            : "layer_types \"\(type)\" is not supported; supported: full_attention, sliding_attention")
      }
    }
  }
}
