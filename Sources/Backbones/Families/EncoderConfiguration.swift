import Foundation
import Tensors

/// The shape of an encoder-only model, under the names of its config.json, and which heads its folder has.
public struct EncoderConfiguration: Sendable, Equatable {
  /// The families, by Hugging Face's `model_type`, which is also the prefix of their arrays' names.
  public enum Kind: String, Sendable {
    case bert, roberta
  }

  public var kind: Kind
  public var vocabularySize = 30_522
  /// Rows of the table of positions.
  public var placeCount = 512
  public var tokenTypeCount = 2
  public var width = 768
  public var layerCount = 12
  public var headCount = 12
  public var innerWidth = 3072
  public var activation = PlainActivation.gelu
  public var epsilon: Float = 1e-12
  /// RoBERTa's padding token, behind which places start to count.
  public var paddingId: Int32 = 1
  /// Outputs of the model's own classification head; nil: it has none.
  public var classCount: Int?
  /// Whether there is a pooler (BERT) and a head for masked tokens.
  public var hasPooler = true
  public var hasTokenHead = false
  public var tiesEmbeddings = true
  /// Standard deviation of random initial weights.
  public var initializerRange: Float = 0.02

  public init(_ kind: Kind) { self.kind = kind }

  /// Reads a config.json.
  ///
  /// - Throws: ``BackboneError`` when a key is missing, of the wrong kind, or asks for something that is not there.
  init(_ kind: Kind, _ reader: ConfigurationReader) throws {
    self.kind = kind
    vocabularySize = try reader.integer("vocab_size")
    placeCount = try reader.integer("max_position_embeddings")
    tokenTypeCount = try reader.integer("type_vocab_size")
    width = try reader.integer("hidden_size")
    layerCount = try reader.integer("num_hidden_layers", upTo: 10_000)
    headCount = try reader.integer("num_attention_heads")
    innerWidth = try reader.integer("intermediate_size")
    activation = try reader.plainActivation("hidden_act", default: "gelu")
    epsilon = Float(try reader.number("layer_norm_eps", default: 1e-12))
    initializerRange = Float(try reader.number("initializer_range", default: 0.02))
    tiesEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    if kind == .roberta { paddingId = try reader.token("pad_token_id", below: vocabularySize) ?? 1 }
    _ = try reader.require("position_embedding_type", oneOf: ["absolute"], default: "absolute")
    try reader.refuse("is_decoder")
    try reader.refuse("add_cross_attention")
    guard width % headCount == 0 else {
      throw BackboneError.configuration(
        file: reader.file, "hidden_size \(width) does not divide into num_attention_heads \(headCount) heads")
    }
    guard kind == .bert || placeCount > Int(paddingId) + 1 else {
      throw BackboneError.configuration(
        file: reader.file, "max_position_embeddings \(placeCount) leaves no place behind pad_token_id \(paddingId)")
    }
    try readHeads(reader)
    try requireCountableNumbers(file: reader.file)
  }

  /// What `architectures` says the folder has; ``fitting(_:)`` looks whether more is there.
  private mutating func readHeads(_ reader: ConfigurationReader) throws {
    let name = try reader.optionalTexts("architectures")?.first ?? ""
    hasTokenHead = name.hasSuffix("ForMaskedLM") || name.hasSuffix("ForPreTraining")
    hasPooler = kind == .bert && !name.hasSuffix("ForMaskedLM")
    let named = try reader.object("id2label")?.json.count
    let count = try reader.optionalInteger("num_labels") ?? named ?? 2
    classCount = name.hasSuffix("ForSequenceClassification") ? count : nil
    let problem = try reader.optionalText("problem_type")
    guard let problem, classCount != nil else { return }
    guard problem == (count == 1 ? "regression" : "single_label_classification") else {
      throw BackboneError.configuration(
        file: reader.file,
        "problem_type \"\(problem)\" with \(count) label(s) is not supported; supported are regression with one label "
          + "and single_label_classification with more")
    }
  }

  /// Tokens a sequence may have.
  public var positionCount: Int { kind == .roberta ? placeCount - Int(paddingId) - 1 : placeCount }
}

extension ConfigurationReader {
  /// A feed-forward's nonlinearity.
  func plainActivation(_ key: String, default fallback: String) throws -> PlainActivation {
    switch try require(key, oneOf: ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"], default: fallback) {
    case "gelu": .gelu
    case "relu": .relu
    default: .geluTanh
    }
  }
}
