import Adapters
import Backbones
import ModelTestSupport

/// Small encoders for adapters, with every head that a folder can have.
enum EncoderTestModel {
  static let kinds = [EncoderConfiguration.Kind.bert, .roberta]

  /// Every linear map: attention's, the feed-forward part's and, in BERT, the pooler.
  static let everyMap = ["query", "key", "value", "dense"]

  static func shape(_ kind: EncoderConfiguration.Kind) -> EncoderConfiguration {
    var shape = EncoderConfiguration(kind)
    (shape.vocabularySize, shape.placeCount, shape.width) = (13, 11, 8)
    (shape.layerCount, shape.headCount, shape.innerWidth) = (2, 2, 14)
    (shape.classCount, shape.hasTokenHead, shape.hasPooler) = (3, true, kind == .bert)
    return shape
  }

  /// Two classes, three, and a number.
  static let heads = [
    TaskHead(task: "rte", labelCount: 2, labels: ["no", "yes"]), TaskHead(task: "cb", labelCount: 3),
    TaskHead(task: "stsb", labelCount: 1),
  ]

  /// A configuration with the heads.
  static func withHeads(_ configuration: AdapterConfiguration) -> AdapterConfiguration {
    var result = configuration
    result.taskHeads = heads
    return result
  }

  /// Sequences of two tasks for every head in one batch: a task's own, the tokens', the model's, and a number.
  static var sequences: [TestSequence] {
    let classified = TestSequence.classified(), masked = TestSequence.masked()
    var list = [classified[0], masked[1], classified[1], classified[2], classified[0]]
    for (place, head) in [(0, 0), (3, 1), (4, 2)] { list[place].head = .taskClassifier(head) }
    list[4].label = -0.75
    for place in list.indices {
      (list[place].task, list[place].ordinal) = ([2, 0, 2, 0, 2][place], UInt64(place) + 40)
    }
    return list
  }

  /// Where a row comes among those of its sequence that a map sees; nil if it does not see it. The last layer's maps
  /// behind attention and the pooler see the rows alone that predict something.
  static func seenRow(_ call: ReferenceGPT2.Application) -> Int? {
    guard call.path.hasSuffix("dense"), !call.path.contains("layer.0.") else { return call.position }
    let sequence = sequences.first { $0.ordinal == call.ordinal }!
    let rows = sequence.labels.isEmpty ? [0] : sequence.labels.indices.filter { sequence.labels[$0] >= 0 }
    return rows.firstIndex(of: call.position)
  }

  /// A model with an adapter and the heads at work, and the same in double precision.
  static func pair(
    _ kind: EncoderConfiguration.Kind, _ configuration: AdapterConfiguration, rule: ReferenceGPT2.Rule?
  ) throws -> (model: AdapterModel, reference: ReferenceEncoder) {
    let shape = shape(kind), arrays = TestModel.arrays(shape)
    let model = try AdapterModel(
      withHeads(configuration), backbone: TestModel.backbone(shape, arrays), seed: 3)
    model.scatterValues()
    var reference = ReferenceEncoder(shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = rule
    reference.taskHeads = heads.map { "base_model.model.classifier." + $0.task }
    return (model, reference)
  }

  /// A fresh adapter with heads.
  static func model(
    _ kind: EncoderConfiguration.Kind = .bert, _ heads: [TaskHead] = heads, seed: UInt64 = 3,
    _ type: PEFTType = .cPoly
  ) throws -> AdapterModel {
    var configuration = adapter(type, ["query"])
    configuration.taskHeads = heads
    return try AdapterModel(configuration, backbone: TestModel.random(shape(kind)), seed: seed)
  }

  /// The names of a head's parameters.
  static func headNames(_ kind: EncoderConfiguration.Kind, _ task: String) -> [String] {
    let parts = kind == .bert ? [""] : ["dense.", "out_proj."]
    return parts.flatMap { part in ["weight", "bias"].map { "base_model.model.classifier.\(task).\(part)\($0)" } }
  }
}
