extension DecoderConfiguration {
  /// Qwen 3 (Yang et al. 2025): Llama with a norm on every head of queries and keys.
  static func qwen3(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "qwen3", headWidth: 128)
    try shape.readQwen(reader)
    shape.hasInputBiases = try reader.boolean("attention_bias", default: false)
    shape.hasOutputBias = shape.hasInputBiases
    shape.normalizesHeads = true
    return shape
  }
}
