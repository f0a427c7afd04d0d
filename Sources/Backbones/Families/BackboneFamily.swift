/// The families that can be loaded, by Hugging Face's `model_type`.
enum BackboneFamily {
  private typealias Reading = @Sendable (ConfigurationReader) throws -> any BackboneConfiguration

  private static let readings: [(modelType: String, read: Reading)] = [
    ("gpt2", GPT2Configuration.init(_:)), ("llama", DecoderConfiguration.llama),
    ("mistral", DecoderConfiguration.mistral), ("qwen2", DecoderConfiguration.qwen2),
    ("qwen3", DecoderConfiguration.qwen3), ("gemma", DecoderConfiguration.gemma),
    ("gemma2", DecoderConfiguration.gemma2), ("t5", T5Configuration.init(_:)),
    ("bert", { try EncoderConfiguration(.bert, $0) }), ("roberta", { try EncoderConfiguration(.roberta, $0) }),
  ]

  static var names: [String] { readings.map(\.modelType) }

  /// Reads and checks a config.json.
  ///
  /// - Throws: ``BackboneError``, ``BackboneError/unsupportedFamily(file:found:)`` among them.
  static func configuration(modelType: String, _ reader: ConfigurationReader) throws -> any BackboneConfiguration {
    guard let family = readings.first(where: { $0.modelType == modelType }) else {
      throw BackboneError.unsupportedFamily(file: reader.file, found: modelType)
    }
    return try family.read(reader)
  }
}
