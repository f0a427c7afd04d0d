import Foundation

/// T5's shape, under the names of its config.json.
public struct T5Configuration: Sendable, Equatable {
  /// What stands between a block's feed-forward maps.
  public enum FeedForwardKind: Sendable {
    /// wi, relu, wo: version 1.0.
    case relu
    /// wi, GELU, wo.
    case gelu
    /// GELU of wi_0, times wi_1; wo: version 1.1 and Flan-T5.
    case gatedGELU
  }

  public var vocabularySize = 32_128
  public var width = 768
  /// Width of one head; heads · headWidth may differ from ``width``.
  public var headWidth = 64
  public var headCount = 12
  public var innerWidth = 3072
  public var encoderLayerCount = 12
  public var decoderLayerCount = 12
  /// Buckets of distances, and the distance from which on all are in one.
  public var bucketCount = 32
  public var maximumDistance = 128
  public var epsilon: Float = 1e-6
  public var feedForward = FeedForwardKind.relu
  public var tiesEmbeddings = true
  /// Whether the last states are divided by √width before the output projection.
  public var scalesOutputs = true
  public var decoderTokens = DecoderTokens(start: 0, padding: 0)
  /// By which the standard deviations of random initial weights are multiplied.
  public var initializerFactor: Float = 1

  /// The published shape of t5-base.
  public init() {}

  /// Reads a config.json.
  ///
  /// - Throws: ``BackboneError`` when a key is missing, of the wrong kind, or asks for something T5 here lacks.
  init(_ reader: ConfigurationReader) throws {
    vocabularySize = try reader.integer("vocab_size")
    width = try reader.integer("d_model")
    headWidth = try reader.integer("d_kv")
    headCount = try reader.integer("num_heads")
    innerWidth = try reader.integer("d_ff")
    encoderLayerCount = try reader.integer("num_layers", upTo: 10_000)
    decoderLayerCount = try reader.optionalInteger("num_decoder_layers", upTo: 10_000) ?? encoderLayerCount
    bucketCount = try reader.optionalInteger("relative_attention_num_buckets") ?? 32
    maximumDistance = try reader.optionalInteger("relative_attention_max_distance") ?? 128
    epsilon = Float(try reader.number("layer_norm_epsilon", default: 1e-6))
    feedForward = try reader.feedForwardKind()
    tiesEmbeddings = try reader.boolean("tie_word_embeddings", default: true)
    scalesOutputs = try reader.boolean("scale_decoder_outputs", default: tiesEmbeddings)
    initializerFactor = Float(try reader.number("initializer_factor", default: 1))
    let padding = try reader.token("pad_token_id", below: vocabularySize) ?? 0
    decoderTokens = DecoderTokens(
      start: try reader.token("decoder_start_token_id", below: vocabularySize) ?? padding, padding: padding)
    try requireUsableBuckets(reader.file)
    try requireCountableNumbers(file: reader.file)
  }

  private func requireUsableBuckets(_ file: String) throws {
    guard bucketCount >= 4, bucketCount % 2 == 0 else {
      throw BackboneError.configuration(
        file: file, "relative_attention_num_buckets must be an even number from 4 up, not \(bucketCount)")
    }
    guard maximumDistance > bucketCount / 2 else {
      throw BackboneError.configuration(
        file: file,
        "relative_attention_max_distance \(maximumDistance) must be above \(bucketCount / 2), half the number of "
          + "buckets")
    }
  }
}

extension ConfigurationReader {
  /// feed_forward_proj, which dense_act_fn must not contradict.
  fileprivate func feedForwardKind() throws -> T5Configuration.FeedForwardKind {
    let name = try require(
      "feed_forward_proj", oneOf: ["relu", "gelu_new", "gated-gelu", "gated-gelu_new"], default: "relu")
    let kind: T5Configuration.FeedForwardKind =
      name.hasPrefix("gated-") ? .gatedGELU : name == "relu" ? .relu : .gelu
    let activation = kind == .relu ? "relu" : "gelu_new"
    _ = try require("dense_act_fn", oneOf: [activation], default: activation)
    return kind
  }

  /// A token id of the vocabulary; nil if there is none.
  func token(_ key: String, below limit: Int) throws -> Int32? {
    guard let value = json[key], !(value is NSNull) else { return nil }
    guard let id = value as? Int, (0..<limit).contains(id) else {
      throw BackboneError.configuration(file: file, "\(key) must be a token id from 0 to \(limit - 1), not \(value)")
    }
    return Int32(id)
  }
}
