import Checkpoints
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing

@testable import Backbones

/// What the config.json of each decoder family says, and the texts when it asks for what is lacking.
struct DecoderConfigurationTests {
  private static let complete: [String: any Sendable] = [
    "vocab_size": 13, "max_position_embeddings": 16, "hidden_size": 12, "num_hidden_layers": 3,
    "num_attention_heads": 6, "num_key_value_heads": 2, "intermediate_size": 14,
  ]

  private func configuration(
    _ family: String, _ changes: [String: (any Sendable)?] = [:]
  ) throws -> DecoderConfiguration {
    var json = Self.complete
    for (key, value) in changes { json[key] = value }
    let reader = ConfigurationReader(json: json, file: "config.json")
    return try #require(BackboneFamily.configuration(modelType: family, reader) as? DecoderConfiguration)
  }

  @Test func sharedKeysAreRead() throws {
    let shape = try configuration(
      "llama",
      ["head_dim": 4, "rms_norm_eps": 1e-3, "tie_word_embeddings": true, "initializer_range": 0.5, "rope_theta": 50.0])
    #expect(shape.vocabularySize == 13 && shape.positionCount == 16 && shape.width == 12 && shape.layerCount == 3)
    #expect(shape.headCount == 6 && shape.keyHeadCount == 2 && shape.headWidth == 4 && shape.innerWidth == 14)
    #expect(shape.epsilon == 1e-3 && shape.tiesEmbeddings && shape.initializerRange == 0.5)
    #expect(shape.scoreDivisor == 4 && shape.rotary == RotaryFrequencies(theta: 50))
    #expect(try configuration("llama").headWidth == 2)
    #expect(try configuration("llama", ["num_key_value_heads": nil]).keyHeadCount == 6)
  }

  @Test func llamaAndMistralDifferInWindowsAndBiases() throws {
    let llama = try configuration("llama", ["attention_bias": true, "mlp_bias": true, "sliding_window": 5])
    #expect(llama.hasInputBiases && llama.hasOutputBias && llama.hasFeedForwardBiases)
    #expect(llama.windows == [nil, nil, nil])
    let mistral = try configuration("mistral", ["attention_bias": true])
    #expect(!mistral.hasInputBiases && mistral.windows == [4096, 4096, 4096])
    #expect(try configuration("mistral", ["sliding_window": 5]).windows == [5, 5, 5])
    #expect(try configuration("mistral", ["sliding_window": NSNull()]).windows == [nil, nil, nil])
  }

  @Test func qwensHaveBiasesOrHeadNorms() throws {
    let qwen2 = try configuration("qwen2", ["sliding_window": 5])
    #expect(qwen2.hasInputBiases && !qwen2.hasOutputBias && !qwen2.normalizesHeads && qwen2.windows == [nil, nil, nil])
    let windowed: [String: any Sendable] = ["use_sliding_window": true, "sliding_window": 5, "max_window_layers": 1]
    #expect(try configuration("qwen2", windowed).windows == [nil, 5, 5])
    let qwen3 = try configuration("qwen3")
    #expect(!qwen3.hasInputBiases && qwen3.normalizesHeads && qwen3.headWidth == 128)
    let types = ["sliding_attention", "full_attention", "full_attention"]
    #expect(try configuration("qwen3", windowed.merging(["layer_types": types]) { $1 }).windows == [5, nil, nil])
  }

  @Test func gemmasScaleTheirEmbeddings() throws {
    let gemma = try configuration("gemma", ["hidden_act": "gelu"])
    #expect(gemma.activation == .geluTanh && gemma.normOffset == 1 && gemma.headWidth == 256 && gemma.tiesEmbeddings)
    #expect(gemma.embeddingScale == Float(12).squareRoot() && gemma.scoreCap == nil && !gemma.normalizesOutputs)
    let gemma2 = try configuration("gemma2")
    #expect(gemma2.scoreCap == 50 && gemma2.logitCap == 30 && gemma2.scoreDivisor == 256 && gemma2.normalizesOutputs)
    #expect(gemma2.windows == [4096, nil, 4096])
    let plain = try configuration(
      "gemma2",
      ["attn_logit_softcapping": NSNull(), "final_logit_softcapping": NSNull(), "query_pre_attn_scalar": 9.0])
    #expect(plain.scoreCap == nil && plain.logitCap == nil && plain.scoreDivisor == 9)
  }

  @Test(
    arguments: [
      ("llama", "num_key_value_heads", 4, "num_attention_heads 6 does not divide into num_key_value_heads 4 groups"),
      ("llama", "num_attention_heads", 5, "hidden_size 12 does not divide into num_attention_heads 5 heads"),
      ("llama", "head_dim", 3, "the width of a head is 3, but rotary positions turn pairs: it must be even"),
      (
        "llama", "hidden_act", "relu",
        "hidden_act \"relu\" is not supported; supported: silu, swish, gelu_pytorch_tanh, gelu_new"
      ),
      (
        "llama", "rope_scaling", ["type": "dynamic", "factor": "2"],
        "type \"dynamic\" is not supported; supported: default, linear, llama3"
      ),
      (
        "llama", "rope_parameters", ["rope_type": "yarn"],
        "rope_type \"yarn\" is not supported; supported: default, linear, llama3"
      ),
      ("llama", "rope_scaling", ["rope_type": "linear"], "factor is missing"),
      (
        "llama", "rope_parameters", ["full_attention": ["rope_type": "default"]],
        "rope_parameters by layer type (full_attention) is not supported; it must hold for every layer"
      ),
      ("llama", "rope_scaling", "linear", "rope_scaling must be an object, not linear"),
      ("llama", "partial_rotary_factor", 0.5, "partial_rotary_factor is not supported; it must be 1"),
      (
        "llama", "quantization_config", ["bits": "4"],
        "quantization_config is not supported; take the model's plain weights"
      ),
      ("gemma", "use_bidirectional_attention", true, "use_bidirectional_attention is not supported; it must be false"),
      (
        "gemma", "hidden_activation", "gelu",
        "hidden_activation \"gelu\" is not supported; supported: silu, swish, gelu_pytorch_tanh, gelu_new"
      ),
      ("gemma2", "layer_types", ["full_attention"], "layer_types names 1 layers, but num_hidden_layers is 3"),
      (
        "gemma2", "layer_types", ["full_attention", "chunked_attention", "full_attention"],
        "layer_types \"chunked_attention\" is not supported; supported: full_attention, sliding_attention"
      ),
      (
        "qwen2", "layer_types", ["full_attention", "sliding_attention", "full_attention"],
        "layer_types asks for sliding_attention, but there is no sliding_window"
      ),
      ("gemma2", "layer_types", "all", "layer_types must be a list of texts, not all"),
    ] as [(String, String, any Sendable, String)])
  func whatIsLackingIsNamed(family: String, key: String, value: any Sendable, text: String) {
    let error = #expect(throws: BackboneError.self) { try configuration(family, [key: value]) }
    #expect(error?.description == "config.json: " + text)
  }

  /// Whatever its own keys are called, every family reads the shared ones.
  @Test(
    arguments: ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2"],
    [
      (
        "hidden_act", "relu",
        "hidden_act \"relu\" is not supported; supported: silu, swish, gelu_pytorch_tanh, gelu_new"
      ),
      (
        "rope_scaling", ["rope_type": "longrope", "factor": "4"],
        "rope_type \"longrope\" is not supported; supported: default, linear, llama3"
      ),
      (
        "rope_parameters", ["rope_type": "dynamic"],
        "rope_type \"dynamic\" is not supported; supported: default, linear, llama3"
      ),
      ("partial_rotary_factor", 0.25, "partial_rotary_factor is not supported; it must be 1"),
      ("quantization_config", ["bits": "4"], "quantization_config is not supported; take the model's plain weights"),
      ("use_bidirectional_attention", true, "use_bidirectional_attention is not supported; it must be false"),
      ("num_key_value_heads", 4, "num_attention_heads 6 does not divide into num_key_value_heads 4 groups"),
      ("sliding_window", "all", "sliding_window must be a positive integer, not all"),
    ] as [(String, any Sendable, String)])
  func everyFamilyNamesWhatIsLacking(family: String, fault: (key: String, value: any Sendable, text: String)) {
    // Gemma 2 has another name for it; Llama and Gemma have no window; Qwen's must be in use.
    let key = family == "gemma2" && fault.key == "hidden_act" ? "hidden_activation" : fault.key
    let hasWindow = ["mistral", "qwen2", "qwen3", "gemma2"].contains(family)
    guard fault.key != "sliding_window" || hasWindow else { return }
    let error = #expect(throws: BackboneError.self) {
      try configuration(family, [key: fault.value, "use_sliding_window": true])
    }
    #expect(error?.description == "config.json: " + fault.text.replacing(fault.key, with: key))
  }

  // MARK: Files

  private static let small = DecoderVariation.tiedHead.configuration

  private func withWeights(
    _ configuration: DecoderConfiguration, _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void,
    _ body: (SafetensorsFile) throws -> Void
  ) throws {
    let arrays = TestModel.arrays(configuration)
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

  @Test(arguments: [true, false]) func namesMayLeaveOutTheLeadingModel(isShort: Bool) throws {
    try withWeights(Self.small) { tensors in
      if isShort { for index in tensors.indices { tensors[index].name.removeFirst("model.".count) } }
      tensors.append(("lm_head.weight", [13, 10], [Float](repeating: 0, count: 130)))
      tensors.append(("model.layers.0.self_attn.rotary_emb.inv_freq", [2], [0, 0]))
      tensors.append(("score.weight", [1], [0]))
    } _: { file in
      let entries = try BackboneLoader.entries(Self.small, in: file)
      #expect(entries.map(\.name) == Self.small.parameterShapes.map(\.name))
      #expect(entries.allSatisfy { $0.fileName == $0.name.dropFirst(isShort ? "model.".count : 0) })
      // Frequencies and the copy of the tied projection are expected in a file; other leftovers are told.
      #expect(BackboneLoader.unusedTensors(Self.small, of: file, entries) == ["score.weight"])
    }
  }

  @Test func anUntiedModelNeedsItsProjection() throws {
    try withWeights(Self.small) { _ in
    } _: { file in
      #expect(throws: BackboneError.missingTensors(file: file.path, names: ["lm_head.weight"])) {
        try BackboneLoader.entries(DecoderVariation.plain.configuration, in: file)
      }
    }
  }

  @Test func tensorsThatAreMissingOrOfAnotherShapeAreNamed() throws {
    try withWeights(Self.small) {
      $0.removeAll { $0.name.contains("layers.0.mlp") }
    } _: { file in
      let error = #expect(throws: BackboneError.self) { try BackboneLoader.entries(Self.small, in: file) }
      let names = ["gate", "up", "down"].map { "model.layers.0.mlp.\($0)_proj.weight" }
      #expect(
        error?.description
          == "\(file.path): 3 tensor(s) that config.json asks for are missing: \(names.joined(separator: ", "))")
    }
    try withWeights(Self.small) { tensors in
      // A vocabulary that is larger than the embedding.
      tensors[0] = (tensors[0].name, [12, 10], [Float](repeating: 0, count: 120))
    } _: { file in
      let error = #expect(throws: BackboneError.self) { try BackboneLoader.entries(Self.small, in: file) }
      #expect(
        error?.description
          == "\(file.path): tensor model.embed_tokens.weight has shape [12, 10], config.json asks for [13, 10]")
    }
  }

  @Test func freshNumbersAreHuggingFaces() {
    func draw(_ name: String, offset: Float = 0) -> [Float] {
      var configuration = Self.small, values = [Float](repeating: .nan, count: 5000)
      configuration.normOffset = offset
      values.withUnsafeMutableBufferPointer { configuration.initialize(name, $0, seed: 1) }
      return values
    }
    #expect(draw("model.layers.0.input_layernorm.weight").allSatisfy { $0 == 1 })
    #expect(draw("model.norm.weight", offset: 1).allSatisfy { $0 == 0 })
    #expect(draw("model.layers.0.self_attn.q_norm.weight").allSatisfy { $0 == 1 })
    #expect(draw("model.layers.0.self_attn.q_proj.bias").allSatisfy { $0 == 0 })
    let weights = draw("model.layers.0.self_attn.q_proj.weight")
    #expect(weights == draw("model.layers.0.self_attn.q_proj.weight"))
    #expect(weights != draw("model.layers.1.self_attn.q_proj.weight"))
    let deviation = (weights.reduce(0.0) { $0 + Double($1) * Double($1) } / 5000).squareRoot()
    #expect(abs(deviation - 0.02) < 4 * 0.0002)  // four standard errors: σ / √(2 · 5000)
  }

  @Test func publishedShapesHaveTheirPublishedSizes() {
    func count(_ shape: PublishedShape) -> Int {
      shape.configuration.parameterShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }
    #expect(count(.gpt2) == 124_439_808)
    #expect(count(.llama1B) == 1_235_814_400)
    #expect(count(.gemma2B) == 2_506_172_416)
  }
}
