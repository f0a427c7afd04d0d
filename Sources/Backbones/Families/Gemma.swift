extension DecoderConfiguration {
  /// Gemma (2024): norms that store their weights less one, scaled embeddings, GeGLU, wide heads, tied output.
  static func gemma(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "gemma", headWidth: 256, ties: true)
    try shape.readGemma(reader)
    // The first files say hidden_act "gelu" and mean the tanh form.
    let legacy = try reader.optionalText("hidden_activation") == nil && reader.optionalText("hidden_act") == "gelu"
    let key = reader.json["hidden_activation"] is String ? "hidden_activation" : "hidden_act"
    shape.activation = legacy ? .geluTanh : try reader.gateActivation(key, default: "gelu_pytorch_tanh")
    return shape
  }

  /// What Gemma 1 and 2 share.
  mutating func readGemma(_ reader: ConfigurationReader) throws {
    normOffset = 1
    embeddingScale = Float(width).squareRoot()
    hasInputBiases = try reader.boolean("attention_bias", default: false)
    hasOutputBias = hasInputBiases
  }
}
