extension DecoderConfiguration {
  /// Gemma 2 (2024): Gemma with norms behind the parts too, bounded scores and logits, and a sliding window in every
  /// second layer, the first among them.
  static func gemma2(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "gemma2", headWidth: 256, ties: true)
    try shape.readGemma(reader)
    shape.activation = try reader.gateActivation("hidden_activation", default: "gelu_pytorch_tanh")
    shape.normalizesOutputs = true
    shape.scoreDivisor = Float(try reader.number("query_pre_attn_scalar", default: 256))
    shape.scoreCap = try reader.switchableNumber("attn_logit_softcapping", default: 50).map { Float($0) }
    shape.logitCap = try reader.switchableNumber("final_logit_softcapping", default: 30).map { Float($0) }
    let window = try reader.json["sliding_window"] == nil ? 4096 : reader.optionalInteger("sliding_window")
    shape.windows = try reader.windows(layerCount: shape.layerCount, window: window) { $0 % 2 == 0 }
    return shape
  }
}
