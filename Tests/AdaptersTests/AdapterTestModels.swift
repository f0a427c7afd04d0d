import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Training

/// GPT-2's four linear maps.
let everyMap = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]

/// The small model with an adapter at work, and the same in double precision.
struct AdaptedPair {
  let model: AdapterModel
  var reference: ReferenceGPT2

  /// - Parameter rule: The adapter's rule for the reference.
  init(
    _ configuration: AdapterConfiguration, tiesEmbeddings: Bool = true, rule: ReferenceGPT2.Rule?
  ) throws {
    var shape = TestModel.smallConfiguration
    shape.tiesEmbeddings = tiesEmbeddings
    let arrays = TestModel.arrays(shape)
    model = try AdapterModel(configuration, backbone: TestModel.backbone(shape, arrays), seed: 3)
    model.scatterValues()
    reference = ReferenceGPT2(shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = rule
  }
}

/// The text of the error that `body` throws; empty if it throws none.
func errorText(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// PEFT's name of a parameter.
func parameterName(_ path: String, _ suffix: String) -> String { "base_model.model.\(path).\(suffix)" }

/// A LoRA configuration on name endings.
func lora(_ endings: [String] = ["c_attn"], _ change: (inout AdapterConfiguration) -> Void = { _ in })
  -> AdapterConfiguration
{
  var configuration = AdapterConfiguration(peftType: .lora)
  configuration.targetModules = .endings(endings)
  configuration.adapterRank = 3
  configuration.loraAlpha = 5
  change(&configuration)
  return configuration
}

/// An (IA)³ configuration on name endings.
func ia3(_ endings: [String], feedforward: [String]) -> AdapterConfiguration {
  var configuration = AdapterConfiguration(peftType: .ia3)
  configuration.targetModules = .endings(endings)
  configuration.feedforwardModules = .endings(feedforward)
  return configuration
}

/// The configuration of any method on name endings, with small sizes that all differ: four tasks, of which
/// ``severalTasks`` has two.
func adapter(
  _ type: PEFTType, _ endings: [String] = ["c_attn"], _ change: (inout AdapterConfiguration) -> Void = { _ in }
) -> AdapterConfiguration {
  var configuration = AdapterConfiguration(peftType: type)
  configuration.targetModules = .endings(endings)
  (configuration.adapterRank, configuration.loraAlpha) = (2, 5)
  (configuration.taskCount, configuration.expertCount, configuration.skillCount) = (4, 3, 3)
  change(&configuration)
  return configuration
}

/// Sequences of two tasks in one batch: the first and last of one, another between them.
var severalTasks: [TestSequence] {
  zip(TestSequence.ragged(), [2, 0, 2]).map { sequence, task in
    var sequence = sequence
    sequence.task = task
    return sequence
  }
}

extension AdapterModel {
  /// A fresh adapter on the small model.
  convenience init(small configuration: AdapterConfiguration, seed: UInt64 = 1) throws {
    try self.init(configuration, backbone: TestModel.random(), seed: seed)
  }

  /// The logits at every label, without noise and dropout.
  func logits(_ sequences: [TestSequence]) -> [Float] {
    Objective(self).withLogits(of: PackedBatch(sequences, for: backbone.architecture)) { $0.array() }
  }

  /// Fills the gradient buffer with that of the summed loss, and returns a copy.
  @discardableResult func differentiate(_ sequences: [TestSequence], seed: UInt64 = 0) -> [Float] {
    var sums = LossSums(accountCount: 4)
    parameters.zeroGradients()
    let batch = PackedBatch(sequences, for: backbone.architecture)
    Objective(self).addGradient(of: batch, randomKey: RandomKey(seed: seed), to: &sums)
    return Array(parameters.gradients)
  }

  /// A copy of every trained number, which outlives the model.
  func numbers() -> [Float] { Array(parameters.values) }

  /// A copy of a parameter's numbers.
  func numbers(_ name: String) -> [Float] { Array(parameters.values(name)) }

  /// A parameter of the map of a path's end, such as `h.0.attn.c_attn`.
  func values(_ map: String, _ suffix: String) -> UnsafeMutableBufferPointer<Float> {
    parameters.values(parameterName("transformer." + map, suffix))
  }

  func gradient(_ map: String, _ suffix: String) -> [Float] {
    Array(parameters.gradient(parameterName("transformer." + map, suffix)))
  }
}
