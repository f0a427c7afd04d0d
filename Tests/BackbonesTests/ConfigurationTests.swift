import Checkpoints
import Foundation
import ModelTestSupport
import TestSupport
import Testing

@testable import Backbones

/// What config.json and the weight file must hold, and the texts when they do not.
struct ConfigurationTests {
  private static let complete: [String: any Sendable] = [
    "model_type": "gpt2", "vocab_size": 13, "n_positions": 16, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_inner": 12,
  ]

  private func configuration(_ changes: [String: (any Sendable)?]) throws -> GPT2Configuration {
    var json = Self.complete
    for (key, value) in changes { json[key] = value }
    return try GPT2Configuration(ConfigurationReader(json: json, file: "config.json"))
  }

  @Test func everyKeyIsRead() throws {
    #expect(try configuration([:]) == TestModel.smallConfiguration)
    #expect(try configuration(["n_inner": nil]).innerWidth == 32)
    #expect(try configuration(["n_inner": NSNull()]).innerWidth == 32)
    #expect(try configuration(["layer_norm_epsilon": 1e-6]).epsilon == 1e-6)
    #expect(try configuration(["initializer_range": 0.5]).initializerRange == 0.5)
    #expect(try !configuration(["scale_attn_weights": false]).scalesScores)
    #expect(try configuration(["scale_attn_by_inverse_layer_idx": true]).scalesByLayer)
    let untied = try configuration(["tie_word_embeddings": false])
    #expect(untied.parameterShapes.last?.name == "lm_head.weight")
    #expect(try configuration(["activation_function": "gelu_pytorch_tanh"]).layerCount == 2)
  }

  @Test(
    arguments: [
      ("n_embd", nil, "config.json: n_embd is missing"),
      ("n_layer", 0, "config.json: n_layer must be a positive integer, not 0"),
      ("n_layer", 1_000_000_000, "config.json: n_layer must be at most 10000, not 1000000000"),
      ("n_embd", 4_611_686_018_427_387_904, "config.json: n_embd must be at most 16777216, not 4611686018427387904"),
      ("n_head", "two", "config.json: n_head must be a positive integer, not two"),
      ("n_head", 3, "config.json: n_embd 8 does not divide into n_head 3 heads"),
      ("layer_norm_epsilon", -1, "config.json: layer_norm_epsilon must be a positive number, not -1"),
      ("tie_word_embeddings", "yes", "config.json: tie_word_embeddings must be true or false, not yes"),
      (
        "activation_function", "relu",
        "config.json: activation_function \"relu\" is not supported; supported: gelu_new, gelu_pytorch_tanh"
      ),
      ("add_cross_attention", true, "config.json: add_cross_attention is not supported; it must be false"),
    ] as [(String, (any Sendable)?, String)])
  func aFaultNamesItsKey(key: String, value: (any Sendable)?, text: String) {
    let error = #expect(throws: BackboneError.self) { try configuration([key: value]) }
    #expect(error?.description == text)
  }

  @Test func aModelBeyondAnyMemoryIsRefused() {
    let error = #expect(throws: BackboneError.self) {
      try configuration(["n_embd": 1 << 24, "n_layer": 10_000, "n_inner": 1 << 24])
    }
    #expect(
      error?.description == "config.json: its dimensions make a model of more numbers than any memory holds")
  }

  private func folder(_ body: (ModelFolder) throws -> Void, json: [String: any Sendable] = complete) throws {
    try withTemporaryFolder { url in
      try JSONSerialization.data(withJSONObject: json).write(to: url.appending(path: "config.json"))
      try body(ModelFolder(url))
    }
  }

  @Test func anUnsupportedFamilyIsNamedWithTheSupportedOnes() throws {
    var json = Self.complete
    json["model_type"] = "opt"
    try folder(
      { folder in
        let error = #expect(throws: BackboneError.self) { try BackboneLoader.configuration(of: folder) }
        let text = "\(folder.configurationFile.path): model_type \"opt\" is not supported; supported are: "
        #expect(error?.description == text + BackboneError.supportedFamilies.joined(separator: ", "))
        #expect(BackboneError.supportedFamilies.contains("gpt2"))
      }, json: json)
  }

  /// Opens a file with the small model's arrays, changed by `change`.
  private func withWeights(
    _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void, _ body: (SafetensorsFile) throws -> Void
  ) throws {
    let configuration = TestModel.smallConfiguration, arrays = TestModel.arrays(configuration)
    var tensors: [SafetensorsWriter.ArrayTensor] = configuration.parameterShapes.map {
      ($0.name, $0.shape, arrays[$0.name]!)
    }
    change(&tensors)
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      try SafetensorsWriter.write(to: url, arrays: tensors)
      try body(SafetensorsFile(url))
    }
  }

  @Test(arguments: [true, false]) func namesMayLeaveOutTheLeadingTransformer(isShort: Bool) throws {
    try withWeights { tensors in
      if isShort { for index in tensors.indices { tensors[index].name.removeFirst("transformer.".count) } }
      tensors.append((isShort ? "h.0.attn.bias" : "transformer.h.0.attn.bias", [1], [0]))
      tensors.append(("lm_head.weight", [13, 8], [Float](repeating: 0, count: 104)))
      tensors.append(("score.weight", [1], [0]))
    } _: { file in
      let entries = try BackboneLoader.entries(TestModel.smallConfiguration, in: file)
      #expect(entries.map(\.name) == TestModel.smallConfiguration.parameterShapes.map(\.name))
      let dropped = isShort ? "transformer.".count : 0
      #expect(entries.allSatisfy { $0.fileName == $0.name.dropFirst(dropped) })
      // Masks and the copy of the tied projection are expected in a file; other leftovers are told.
      #expect(BackboneLoader.unusedTensors(TestModel.smallConfiguration, of: file, entries) == ["score.weight"])
    }
  }

  @Test func missingTensorsAreCountedAndTheFirstNamed() throws {
    try withWeights {
      $0.removeAll { $0.name.hasSuffix(".bias") }
    } _: { file in
      let error = #expect(throws: BackboneError.self) {
        try BackboneLoader.entries(TestModel.smallConfiguration, in: file)
      }
      #expect(
        error?.description
          == "\(file.path): 13 tensor(s) that config.json asks for are missing: transformer.h.0.ln_1.bias, "
          + "transformer.h.0.attn.c_attn.bias, transformer.h.0.attn.c_proj.bias, transformer.h.0.ln_2.bias, "
          + "transformer.h.0.mlp.c_fc.bias, …")
    }
  }

  @Test func aWrongShapeIsShownBesideTheRightOne() throws {
    try withWeights { tensors in
      let index = tensors.firstIndex { $0.name.hasSuffix("h.1.mlp.c_fc.weight") }!
      tensors[index].shape = [12, 8]
    } _: { file in
      let error = #expect(throws: BackboneError.self) {
        try BackboneLoader.entries(TestModel.smallConfiguration, in: file)
      }
      #expect(
        error?.description
          == "\(file.path): tensor transformer.h.1.mlp.c_fc.weight has shape [12, 8], config.json asks for [8, 12]")
    }
  }

  @Test func anUntiedModelNeedsItsProjection() throws {
    try withWeights { _ in
    } _: { file in
      var configuration = TestModel.smallConfiguration
      configuration.tiesEmbeddings = false
      #expect(throws: BackboneError.missingTensors(file: file.path, names: ["lm_head.weight"])) {
        try BackboneLoader.entries(configuration, in: file)
      }
    }
  }

  @Test func randomNumbersDependOnSeedAndNameAlone() {
    let configuration = GPT2Configuration()
    func draw(_ name: String, _ seed: UInt64, _ count: Int = 5000) -> [Float] {
      var values = [Float](repeating: .nan, count: count)
      values.withUnsafeMutableBufferPointer { configuration.initialize(name, $0, seed: seed) }
      return values
    }
    let name = "transformer.h.3.attn.c_attn.weight"
    #expect(draw(name, 1) == draw(name, 1))
    #expect(draw(name, 1) != draw(name, 2))
    #expect(draw(name, 1) != draw("transformer.h.4.attn.c_attn.weight", 1))
    #expect(draw("transformer.h.3.ln_1.weight", 1).allSatisfy { $0 == 1 })
    #expect(draw("transformer.h.3.ln_1.bias", 1).allSatisfy { $0 == 0 })
    func deviation(_ name: String) -> Double {
      (draw(name, 1).reduce(0.0) { $0 + Double($1) * Double($1) } / 5000).squareRoot()
    }
    // Four standard errors: σ / √(2 · 5000).
    #expect(abs(deviation(name) - 0.02) < 4 * 0.0002)
    #expect(abs(deviation("transformer.h.3.mlp.c_proj.weight") - 0.02 / 24.0.squareRoot()) < 4 * 0.00005)
  }
}
