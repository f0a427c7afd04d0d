import Checkpoints
import Foundation
import ModelTestSupport
import TestSupport
import Testing

@testable import Backbones

/// What T5's config.json and files say, and the texts when they ask for what is lacking.
struct T5ConfigurationTests {
  private static let complete: [String: any Sendable] = [
    "vocab_size": 13, "d_model": 10, "d_kv": 3, "num_heads": 2, "d_ff": 14, "num_layers": 3,
  ]

  private func configuration(_ changes: [String: (any Sendable)?] = [:]) throws -> T5Configuration {
    var json = Self.complete
    for (key, value) in changes { json[key] = value }
    let reader = ConfigurationReader(json: json, file: "config.json")
    return try #require(BackboneFamily.configuration(modelType: "t5", reader) as? T5Configuration)
  }

  @Test func everyKeyIsRead() throws {
    let shape = try configuration()
    #expect(shape.vocabularySize == 13 && shape.width == 10 && shape.headWidth == 3 && shape.headCount == 2)
    #expect(shape.innerWidth == 14 && shape.encoderLayerCount == 3 && shape.decoderLayerCount == 3)
    #expect(shape.bucketCount == 32 && shape.maximumDistance == 128 && shape.epsilon == 1e-6)
    #expect(shape.feedForward == .relu && shape.tiesEmbeddings && shape.scalesOutputs)
    #expect(shape.architecture == .encoderDecoder(DecoderTokens(start: 0, padding: 0)))
    #expect(try configuration(["num_decoder_layers": 1]).decoderLayerCount == 1)
    #expect(try configuration(["relative_attention_num_buckets": 8]).bucketCount == 8)
    #expect(try configuration(["relative_attention_max_distance": 20]).maximumDistance == 20)
    #expect(try configuration(["layer_norm_epsilon": 1e-3]).epsilon == 1e-3)
    #expect(try configuration(["initializer_factor": 0.5]).initializerFactor == 0.5)
    #expect(try configuration(["pad_token_id": 3]).decoderTokens == DecoderTokens(start: 3, padding: 3))
    let tokens = try configuration(["pad_token_id": 3, "decoder_start_token_id": 4]).decoderTokens
    #expect(tokens == DecoderTokens(start: 4, padding: 3))
  }

  @Test(arguments: [
    ("relu", T5Configuration.FeedForwardKind.relu), ("gelu_new", .gelu), ("gated-gelu", .gatedGELU),
    ("gated-gelu_new", .gatedGELU),
  ])
  func feedForwardPartsHaveKinds(name: String, kind: T5Configuration.FeedForwardKind) throws {
    #expect(try configuration(["feed_forward_proj": name]).feedForward == kind)
  }

  /// An output projection of its own is not scaled, whatever version of the library wrote the file.
  @Test func projectionsAreTiedAndScaledOrNeither() throws {
    let untied = try configuration(["tie_word_embeddings": false])
    #expect(!untied.tiesEmbeddings && !untied.scalesOutputs)
    #expect(untied.parameterShapes.last?.name == "lm_head.weight")
    let late = try configuration(["tie_word_embeddings": true, "scale_decoder_outputs": false])
    #expect(late.tiesEmbeddings && !late.scalesOutputs)
    let fitted = late.fitting(["lm_head.weight"])
    #expect(fitted.parameterShapes.last?.name == "lm_head.weight")
    #expect(late.fitting(["shared.weight"]).parameterShapes.last?.name == "decoder.final_layer_norm.weight")
    // In version 1.0 it is a copy.
    #expect(try configuration().fitting(["lm_head.weight"]).ignores("lm_head.weight"))
  }

  @Test(
    arguments: [
      ("d_kv", nil, "config.json: d_kv is missing"),
      (
        "feed_forward_proj", "gated-silu",
        "config.json: feed_forward_proj \"gated-silu\" is not supported; supported: relu, gelu_new, gated-gelu, "
          + "gated-gelu_new"
      ),
      ("dense_act_fn", "gelu_new", "config.json: dense_act_fn \"gelu_new\" is not supported; supported: relu"),
      (
        "relative_attention_num_buckets", 7,
        "config.json: relative_attention_num_buckets must be an even number from 4 up, not 7"
      ),
      (
        "relative_attention_max_distance", 16,
        "config.json: relative_attention_max_distance 16 must be above 16, half the number of buckets"
      ),
      ("decoder_start_token_id", 13, "config.json: decoder_start_token_id must be a token id from 0 to 12, not 13"),
    ] as [(String, (any Sendable)?, String)])
  func aFaultNamesItsKey(key: String, value: (any Sendable)?, text: String) {
    let error = #expect(throws: BackboneError.self) { try configuration([key: value]) }
    #expect(error?.description == text)
  }

  /// Files may hold copies of the embedding, or hold it under a copy's name alone.
  @Test(arguments: [true, false]) func copiesOfTheEmbeddingAreNoSurplus(hasShared: Bool) throws {
    let configuration = T5Variation.relu.configuration, arrays = TestModel.arrays(configuration)
    var tensors: [SafetensorsWriter.ArrayTensor] = configuration.parameterShapes.map {
      ($0.name, $0.shape, arrays[$0.name]!)
    }
    let words = tensors[0]
    if !hasShared { tensors.removeFirst() }
    for name in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight", "lm_head.weight"] {
      tensors.append((name, words.shape, words.values))
    }
    tensors.append(("decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight", [1], [0]))
    tensors.append(("score.weight", [1], [0]))
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      try SafetensorsWriter.write(to: url, arrays: tensors)
      let file = try SafetensorsFile(url)
      let entries = try BackboneLoader.entries(configuration, in: file)
      #expect(entries[0].name == "shared.weight")
      #expect(entries[0].fileName == (hasShared ? "shared.weight" : "encoder.embed_tokens.weight"))
      #expect(BackboneLoader.unusedTensors(configuration, of: file, entries) == ["score.weight"])
    }
  }

  @Test func tensorsThatAreMissingOrOfAnotherShapeAreNamed() throws {
    let configuration = T5Variation.relu.configuration, arrays = TestModel.arrays(configuration)
    func text(_ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void) throws -> String? {
      var tensors: [SafetensorsWriter.ArrayTensor] = configuration.parameterShapes.map {
        ($0.name, $0.shape, arrays[$0.name]!)
      }
      change(&tensors)
      return try withTemporaryFolder { folder in
        let url = folder.appending(path: "model.safetensors")
        try SafetensorsWriter.write(to: url, arrays: tensors)
        let error = #expect(throws: BackboneError.self) {
          try BackboneLoader.entries(configuration, in: SafetensorsFile(url))
        }
        return error?.description.replacing(url.path, with: "FILE")
      }
    }
    // A stack whose feed-forward part is of another version lacks the names of this one.
    #expect(
      try text { tensors in tensors.removeAll { $0.name.contains("encoder") && $0.name.contains(".wi.") } }?.hasPrefix(
        "FILE: \(configuration.encoderLayerCount) tensor(s) that config.json asks for are missing: "
          + "encoder.block.0.layer.1.DenseReluDense.wi.weight") == true)
    let place = configuration.parameterShapes.firstIndex { $0.name.hasSuffix("relative_attention_bias.weight") }!
    let (name, shape) = configuration.parameterShapes[place]
    #expect(
      try text {
        $0[place] = (name, [shape[0] + 1, shape[1]], [Float](repeating: 0, count: (shape[0] + 1) * shape[1]))
      }
        == "FILE: tensor \(name) has shape [\(shape[0] + 1), \(shape[1])], config.json asks for \(shape)")
  }

  @Test func freshNumbersStandForUnscaledScores() {
    let configuration = T5Configuration()
    func deviation(_ name: String) -> Double {
      var values = [Float](repeating: .nan, count: 5000)
      values.withUnsafeMutableBufferPointer { configuration.initialize(name, $0, seed: 1) }
      return (values.reduce(0.0) { $0 + Double($1) * Double($1) } / 5000).squareRoot()
    }
    let own = "encoder.block.3.layer.0.SelfAttention."
    for (name, expected) in [
      ("shared.weight", 1), (own + "q.weight", 1 / (768.0 * 64).squareRoot()),
      (own + "k.weight", 1 / 768.0.squareRoot()), (own + "o.weight", 1 / 768.0.squareRoot()),
      ("decoder.block.0.layer.2.DenseReluDense.wo.weight", 1 / 3072.0.squareRoot()),
      ("decoder.final_layer_norm.weight", 1),
    ] {
      // Four standard errors: σ / √(2 · 5000).
      #expect(abs(deviation(name) - expected) < 0.04 * expected, "\(name)")
    }
  }
}
