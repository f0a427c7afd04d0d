import Checkpoints
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing

@testable import Backbones

/// What the config.json and files of BERT and RoBERTa say, and the texts when they ask for what is lacking.
struct EncoderConfigurationTests {
  private static let complete: [String: any Sendable] = [
    "vocab_size": 13, "max_position_embeddings": 11, "type_vocab_size": 2, "hidden_size": 8, "num_hidden_layers": 3,
    "num_attention_heads": 2, "intermediate_size": 14,
  ]

  private func configuration(
    _ family: String = "bert", _ changes: [String: (any Sendable)?] = [:]
  ) throws -> EncoderConfiguration {
    var json = Self.complete
    for (key, value) in changes { json[key] = value }
    let reader = ConfigurationReader(json: json, file: "config.json")
    return try #require(BackboneFamily.configuration(modelType: family, reader) as? EncoderConfiguration)
  }

  // MARK: Keys

  @Test(arguments: ["bert", "roberta"]) func everyKeyIsRead(family: String) throws {
    let shape = try configuration(family)
    #expect(shape.kind.rawValue == family && shape.architecture == .encoderOnly)
    #expect(shape.vocabularySize == 13 && shape.placeCount == 11 && shape.tokenTypeCount == 2 && shape.width == 8)
    #expect(shape.layerCount == 3 && shape.headCount == 2 && shape.innerWidth == 14)
    #expect(shape.activation == .gelu && shape.epsilon == 1e-12 && shape.initializerRange == 0.02)
    #expect(shape.tiesEmbeddings && !shape.hasTokenHead && shape.hasPooler == (family == "bert"))
    #expect(shape.classCount == nil)
    #expect(try configuration(family, ["layer_norm_eps": 1e-5]).epsilon == 1e-5)
    #expect(try configuration(family, ["initializer_range": 0.5]).initializerRange == 0.5)
    #expect(try !configuration(family, ["tie_word_embeddings": false]).tiesEmbeddings)
    #expect(try configuration(family, ["position_embedding_type": "absolute", "is_decoder": false]).layerCount == 3)
  }

  @Test(arguments: [
    ("gelu", PlainActivation.gelu), ("gelu_new", .geluTanh), ("gelu_pytorch_tanh", .geluTanh), ("relu", .relu),
  ])
  func activationsHaveNames(name: String, activation: PlainActivation) throws {
    #expect(try configuration("bert", ["hidden_act": name]).activation == activation)
  }

  /// BERT counts from 0 whatever its padding is; RoBERTa from behind it.
  @Test func placesBeginBehindRobertasPadding() throws {
    #expect(try configuration("bert", ["pad_token_id": 5]).positionCount == 11)
    #expect(try configuration("roberta").positionCount == 9)
    #expect(try configuration("roberta", ["pad_token_id": 5]).positionCount == 5)
    #expect(try configuration("roberta", ["pad_token_id": 5]).paddingId == 5)
  }

  @Test func architecturesNameTheHeads() throws {
    func heads(_ family: String, _ architecture: String, _ more: [String: (any Sendable)?] = [:]) throws -> [String] {
      let shape = try configuration(family, more.merging(["architectures": [architecture]]) { $1 })
      return (shape.hasPooler ? ["pooler"] : []) + (shape.hasTokenHead ? ["tokens"] : [])
        + (shape.classCount.map { ["\($0)"] } ?? [])
    }
    #expect(try heads("bert", "BertModel") == ["pooler"])
    #expect(try heads("bert", "BertForMaskedLM") == ["tokens"])
    #expect(try heads("bert", "BertForPreTraining") == ["pooler", "tokens"])
    #expect(try heads("bert", "BertForSequenceClassification") == ["pooler", "2"])
    #expect(try heads("roberta", "RobertaModel") == [])
    #expect(try heads("roberta", "RobertaForMaskedLM") == ["tokens"])
    #expect(try heads("roberta", "RobertaForSequenceClassification", ["num_labels": 5]) == ["5"])
    let labels = ["id2label": ["0": "no", "1": "maybe", "2": "yes"]]
    #expect(try heads("roberta", "RobertaForSequenceClassification", labels) == ["3"])
    let one: [String: (any Sendable)?] = ["id2label": ["0": "score"], "problem_type": "regression"]
    #expect(try heads("bert", "BertForSequenceClassification", one) == ["pooler", "1"])
    // A problem of a head that the folder does not have is none.
    #expect(try heads("bert", "BertModel", ["problem_type": "multi_label_classification"]) == ["pooler"])
  }

  @Test(
    arguments: [
      ("bert", "type_vocab_size", nil, "type_vocab_size is missing"),
      (
        "bert", "hidden_act", "silu",
        "hidden_act \"silu\" is not supported; supported: gelu, gelu_new, gelu_pytorch_tanh, relu"
      ),
      (
        "roberta", "position_embedding_type", "relative_key",
        "position_embedding_type \"relative_key\" is not supported; supported: absolute"
      ),
      ("bert", "is_decoder", true, "is_decoder is not supported; it must be false"),
      ("roberta", "add_cross_attention", true, "add_cross_attention is not supported; it must be false"),
      ("bert", "num_attention_heads", 3, "hidden_size 8 does not divide into num_attention_heads 3 heads"),
      ("roberta", "pad_token_id", 13, "pad_token_id must be a token id from 0 to 12, not 13"),
      ("roberta", "pad_token_id", 10, "max_position_embeddings 11 leaves no place behind pad_token_id 10"),
      ("bert", "layer_norm_eps", 0, "layer_norm_eps must be a positive number, not 0"),
      ("bert", "tie_word_embeddings", "yes", "tie_word_embeddings must be true or false, not yes"),
      ("bert", "architectures", "BertModel", "architectures must be a list of texts, not BertModel"),
      ("bert", "num_hidden_layers", 10_001, "num_hidden_layers must be at most 10000, not 10001"),
    ] as [(String, String, (any Sendable)?, String)])
  func aFaultNamesItsKey(family: String, key: String, value: (any Sendable)?, text: String) {
    let error = #expect(throws: BackboneError.self) { try configuration(family, [key: value]) }
    #expect(error?.description == "config.json: " + text)
  }

  @Test(arguments: [
    ("multi_label_classification", 3), ("regression", 3), ("single_label_classification", 1), ("span", 2),
  ])
  func problemsThatHeadsDoNotSolveAreRefused(problem: String, count: Int) {
    let error = #expect(throws: BackboneError.self) {
      try configuration(
        "roberta",
        ["architectures": ["RobertaForSequenceClassification"], "problem_type": problem, "num_labels": count])
    }
    #expect(
      error?.description
        == "config.json: problem_type \"\(problem)\" with \(count) label(s) is not supported; supported are regression "
        + "with one label and single_label_classification with more")
  }

  // MARK: Files

  private typealias Tensors = [SafetensorsWriter.ArrayTensor]

  /// Opens a file with the arrays of a variation, changed by `change`, and fits its configuration to it.
  private func withFile(
    _ configuration: EncoderConfiguration, _ change: (inout Tensors) -> Void = { _ in },
    _ body: (SafetensorsFile, EncoderConfiguration) throws -> Void
  ) throws {
    let arrays = TestModel.arrays(configuration)
    var tensors: Tensors = configuration.parameterShapes.map { ($0.name, $0.shape, arrays[$0.name]!) }
    change(&tensors)
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "model.safetensors")
      try SafetensorsWriter.write(to: url, arrays: tensors)
      let file = try SafetensorsFile(url)
      try body(file, #require(configuration.fitting(Set(file.names)) as? EncoderConfiguration))
    }
  }

  @Test(arguments: [EncoderVariation.everyHead, .robertaEveryHead], [true, false])
  func namesMayLeaveOutThePrefixAndBeTensorFlows(variation: EncoderVariation, isOld: Bool) throws {
    let prefix = variation.configuration.kind.rawValue + "."
    func fileName(_ name: String) -> String {
      let short = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
      guard isOld else { return short }
      return short.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
        .replacing("LayerNorm.bias", with: "LayerNorm.beta")
    }
    try withFile(variation.configuration) { tensors in
      for index in tensors.indices { tensors[index].name = fileName(tensors[index].name) }
    } _: { file, fitted in
      #expect(fitted == variation.configuration)
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(entries.map(\.name) == variation.configuration.parameterShapes.map(\.name))
      #expect(entries.map(\.fileName) == entries.map { fileName($0.name) })
      #expect(BackboneLoader.unusedTensors(fitted, of: file, entries).isEmpty)
    }
  }

  /// The oldest files have the prefix and TensorFlow's names at once.
  @Test func prefixedOldNamesAreFoundToo() throws {
    let configuration = EncoderVariation.masked.configuration
    try withFile(configuration) { tensors in
      for index in tensors.indices {
        tensors[index].name = tensors[index].name.replacing("LayerNorm.weight", with: "LayerNorm.gamma")
          .replacing("LayerNorm.bias", with: "LayerNorm.beta")
      }
    } _: { file, fitted in
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(entries.contains { $0.fileName == "bert.embeddings.LayerNorm.gamma" })
      #expect(entries.contains { $0.fileName == "cls.predictions.transform.LayerNorm.beta" })
    }
  }

  /// `architectures` may say less than the folder has, and more than a bare encoder has kept.
  @Test func aFolderHasTheHeadsThatAreInIt() throws {
    var bare = EncoderVariation.bert.configuration
    (bare.classCount, bare.hasPooler) = (nil, false)
    try withFile(bare) { _, fitted in #expect(!fitted.hasPooler && !fitted.hasTokenHead) }
    var pooled = bare
    pooled.hasPooler = true
    try withFile(pooled) { file, _ in
      #expect((bare.fitting(Set(file.names)) as? EncoderConfiguration)?.hasPooler == true)
    }
    try withFile(bare) { file, _ in
      #expect((pooled.fitting(Set(file.names)) as? EncoderConfiguration)?.hasPooler == false)
    }
    for variation in [EncoderVariation.masked, .robertaMasked] {
      var silent = variation.configuration
      silent.hasTokenHead = false
      try withFile(variation.configuration) { file, _ in
        #expect((silent.fitting(Set(file.names)) as? EncoderConfiguration)?.hasTokenHead == true)
      }
    }
  }

  @Test(arguments: [
    (EncoderVariation.masked, "cls.predictions."), (.robertaMasked, "lm_head."),
  ])
  func aProjectionIsTiedOrItsOwn(variation: EncoderVariation, path: String) throws {
    let tied = variation.configuration
    var untied = tied
    untied.tiesEmbeddings = false
    #expect(!tied.parameterShapes.contains { $0.name == path + "decoder.weight" })
    #expect(untied.parameterShapes.last?.name == path + "decoder.weight")
    try withFile(tied) { file, fitted in
      #expect(throws: BackboneError.missingTensors(file: file.path, names: [path + "decoder.weight"])) {
        try BackboneLoader.entries(untied, in: file)
      }
      #expect(fitted == tied)
    }
    // Copies of what is tied are no surplus; the bias may have the projection's name alone.
    try withFile(tied) { tensors in
      let place = tensors.firstIndex { $0.name == path + "bias" }!
      tensors[place].name = path + "decoder.bias"
      tensors.append((path + "decoder.weight", tensors[0].shape, tensors[0].values))
      tensors.append((tied.kind.rawValue + ".embeddings.position_ids", [1, 11], [Float](repeating: 0, count: 11)))
    } _: { file, fitted in
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(entries.first { $0.name == path + "bias" }?.fileName == path + "decoder.bias")
      #expect(BackboneLoader.unusedTensors(fitted, of: file, entries).isEmpty)
    }
    try withFile(untied) { file, fitted in
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(entries.last?.fileName == path + "decoder.weight")
    }
  }

  @Test func whatIsLeftOverIsTold() throws {
    let extra: Tensors = ["cls.seq_relationship.weight", "qa_outputs.weight", "score.weight"].map { ($0, [1], [0]) }
    try withFile(EncoderVariation.bert.configuration) {
      $0 += extra
    } _: { file, fitted in
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(BackboneLoader.unusedTensors(fitted, of: file, entries) == ["qa_outputs.weight", "score.weight"])
    }
    // RoBERTa's heads do without a pooler; another model's classifier is not used by a bare encoder.
    let pooler: Tensors = ["roberta.pooler.dense.weight", "pooler.dense.bias"].map { ($0, [1], [0]) }
    var bare = EncoderVariation.roberta.configuration
    bare.classCount = nil
    try withFile(bare) {
      $0 += pooler + [("classifier.dense.weight", [1], [0])]
    } _: { file, fitted in
      let entries = try BackboneLoader.entries(fitted, in: file)
      #expect(BackboneLoader.unusedTensors(fitted, of: file, entries) == ["classifier.dense.weight"])
    }
  }

  @Test(arguments: [
    (EncoderVariation.bert, "bert.pooler.dense.bias"), (.bert, "classifier.weight"),
    (.roberta, "classifier.out_proj.bias"), (.roberta, "roberta.embeddings.token_type_embeddings.weight"),
    (.masked, "cls.predictions.transform.LayerNorm.weight"), (.robertaMasked, "lm_head.bias"),
  ])
  func missingTensorsAreNamed(variation: EncoderVariation, name: String) throws {
    try withFile(variation.configuration) {
      $0.removeAll { $0.name == name }
    } _: { file, fitted in
      let error = #expect(throws: BackboneError.self) { try BackboneLoader.entries(fitted, in: file) }
      #expect(error?.description == "\(file.path): 1 tensor(s) that config.json asks for are missing: \(name)")
    }
  }

  @Test func aHeadOfAnotherSizeIsShownBesideTheRightOne() throws {
    let arrays = EncoderVariation.number.configuration
    try withFile(arrays) { file, _ in
      let error = #expect(throws: BackboneError.self) {
        try BackboneLoader.entries(EncoderVariation.bert.configuration, in: file)
      }
      #expect(
        error?.description
          == "\(file.path): tensor classifier.weight has shape [1, 8], config.json asks for [3, 8]")
    }
  }

  @Test func freshNumbersAreHuggingFaces() {
    let configuration = EncoderVariation.everyHead.configuration
    func draw(_ name: String) -> [Float] {
      var values = [Float](repeating: .nan, count: 5000)
      values.withUnsafeMutableBufferPointer { configuration.initialize(name, $0, seed: 1) }
      return values
    }
    #expect(draw("bert.embeddings.LayerNorm.weight").allSatisfy { $0 == 1 })
    #expect(draw("lm_head.layer_norm.weight").allSatisfy { $0 == 1 })
    #expect(draw("bert.embeddings.LayerNorm.bias").allSatisfy { $0 == 0 })
    #expect(draw("cls.predictions.bias").allSatisfy { $0 == 0 })
    for name in ["bert.pooler.dense.weight", "classifier.weight", "bert.embeddings.word_embeddings.weight"] {
      let deviation = (draw(name).reduce(0.0) { $0 + Double($1) * Double($1) } / 5000).squareRoot()
      #expect(abs(deviation - 0.02) < 4 * 0.0002, "\(name)")  // four standard errors: σ / √(2 · 5000)
    }
  }

  @Test func publishedShapesHaveTheirPublishedSizes() throws {
    func count(_ family: String, _ json: [String: any Sendable]) throws -> Int {
      try configuration(family, json).parameterShapes.reduce(0) { $0 + $1.shape.reduce(1, *) }
    }
    let base: [String: any Sendable] = [
      "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072,
    ]
    let bert = base.merging(["vocab_size": 30_522, "max_position_embeddings": 512]) { $1 }
    #expect(try count("bert", bert) == 109_482_240)
    let roberta = base.merging([
      "vocab_size": 50_265, "max_position_embeddings": 514, "type_vocab_size": 1,
      "architectures": ["RobertaForSequenceClassification"],
    ]) { $1 }
    #expect(try count("roberta", roberta) == 124_647_170)
  }
}
