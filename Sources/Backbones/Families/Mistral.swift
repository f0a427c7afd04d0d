extension DecoderConfiguration {
  /// Mistral (Jiang et al. 2023): Llama with attention in a sliding window, in every layer.
  static func mistral(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "mistral")
    shape.activation = try reader.gateActivation("hidden_act", default: "silu")
    let window = try reader.json["sliding_window"] == nil ? 4096 : reader.optionalInteger("sliding_window")
    shape.windows = try reader.windows(layerCount: shape.layerCount, window: window) { _ in true }
    return shape
  }
}
