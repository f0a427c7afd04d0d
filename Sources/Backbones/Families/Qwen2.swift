extension DecoderConfiguration {
  /// Qwen 2 (Yang et al. 2024): Llama with biases at queries, keys and values.
  static func qwen2(_ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    var shape = try DecoderConfiguration(reader, family: "qwen2")
    try shape.readQwen(reader)
    shape.hasInputBiases = true
    return shape
  }

  /// What Qwen 2 and 3 share: the window, if it is used, holds from layer max_window_layers on.
  mutating func readQwen(_ reader: ConfigurationReader) throws {
    activation = try reader.gateActivation("hidden_act", default: "silu")
    let isUsed = try reader.boolean("use_sliding_window", default: false)
    let first = try reader.optionalInteger("max_window_layers") ?? 28
    let window = isUsed ? try reader.optionalInteger("sliding_window") ?? 4096 : nil
    windows = try reader.windows(layerCount: layerCount, window: window) { $0 >= first }
  }
}
