import Adapters
import Backbones
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Training

/// A backbone's golden numbers: a model, six ragged examples, and what the
/// reference implementations compute from them.
public struct Fixture {
  /// A prompt and the tokens that greedy decoding adds.
  public struct Continuation: Decodable, Sendable {
    public let prompt: [Int32]
    public let answer: [Int32]

    enum CodingKeys: String, CodingKey {
      case prompt = "prompt_ids"
      case answer = "greedy_ids"
    }
  }

  private struct BatchFile: Decodable {
    let batch: [TestSequence]
    let generate: [Continuation]?
  }

  /// How far from the golden numbers single precision may be, relative to a loss or to the norm of a row or tensor.
  public struct Tolerances: Sendable {
    public var logits = 1e-5, loss = 1e-6, gradient = 1e-4, afterThreeSteps = 1e-4, lossAfterThreeSteps = 1e-4

    public init() {}

    /// T5's relu and unscaled scores sharpen every rounding: stock single-precision PyTorch is 1e-5 off in logits, 1e-4
    /// in gradients and 1e-3 after three steps (2e-2 in an adapter that sits on a kink), ten times more than elsewhere.
    public static var t5: Tolerances {
      var tolerances = Tolerances()
      (tolerances.logits, tolerances.gradient, tolerances.afterThreeSteps) = (1e-4, 1e-3, 1e-2)
      tolerances.lossAfterThreeSteps = 1e-3
      return tolerances
    }
  }

  public let folder: URL
  public let sequences: [TestSequence]
  public let continuations: [Continuation]
  private let configuration: any BackboneConfiguration
  private let weights: SafetensorsFile

  public init(_ family: String) throws {
    folder = try Fixtures.url("backbones/\(family)")
    let file = try JSONDecoder().decode(
      BatchFile.self, from: Data(contentsOf: folder.appending(path: "batch.json")))
    (sequences, continuations) = (file.batch, file.generate ?? [])
    configuration = try BackboneLoader.configuration(of: ModelFolder(folder))
    weights = try SafetensorsFile(folder.appending(path: "model.safetensors"))
  }

  /// The model, on memory of its own.
  public func backbone() throws -> any Backbone {
    let arrays = try configuration.parameterShapes.map { ($0.name, try weights.array($0.name)) }
    return TestModel.backbone(configuration, Dictionary(uniqueKeysWithValues: arrays))
  }

  /// An adapter's folder.
  public func adapter(_ name: String) throws -> URL { try Fixtures.require(folder.appending(path: "adapters/\(name)")) }

  /// Where `model` parts from the golden numbers in `expectedFolder`: a line for each loss, logits, gradient and value
  /// after three steps; empty when all agree. The model is three AdamW steps further afterwards.
  ///
  /// Tolerances: single precision keeps 1e-7 of a loss, 1e-6 of a row of logits and 1e-5 of a gradient's norm through
  /// this model's depth; each gets ten times that. Adam divides a gradient by its own size, so that numbers whose
  /// gradient is near rounding move freely by the learning rate: 1e-4 of a parameter's norm after three steps. The key
  /// third of c_attn.bias, and the bias of an encoder's keys, have no gradient at all and are left out there.
  public func disagreements(
    _ model: AdapterModel, expectedFolder: URL, _ tolerances: Tolerances = Tolerances()
  ) throws -> [String] {
    let expected = try SafetensorsFile(Fixtures.require(expectedFolder.appending(path: "expected.safetensors")))
    var lines: [String] = []
    func compare(_ name: String, _ found: some Collection<Float>, _ tolerance: Double) throws {
      let distance = relativeDistance(found, try expected.array(name))
      if distance > tolerance { lines.append("\(name): relative distance \(distance)") }
    }
    for (index, sequence) in sequences.enumerated() {
      let logits = lastLogits(sequence, model), count = try expected.array("logits.\(index)").count
      try compare("logits.\(index)", logits.suffix(count), tolerances.logits)
    }
    let objective = Objective(model)
    var options = AdamW.Options()
    options.groups.weightDecay = 0.01
    let optimizer = AdamW(model.parameters, options: options)
    try compare("loss", [Float(step(objective, model))], tolerances.loss)
    let gradients = expected.names.filter { $0.hasPrefix("grad.") }, all = model.parameters.entries
    let entries = all.filter { Fixtures.isWhole || expected.contains("grad." + $0.name) }
    if gradients.count != entries.count || 8 * entries.count < all.count {
      lines.append("\(all.count) parameters train, not \(gradients.count)")
    }
    for entry in entries {
      let gradient = model.parameters.gradient(entry.name).map { $0 / labelCount }
      if Self.hasNoGradient(entry.name) {
        // What rounding leaves of sums that cancel.
        if gradient.contains(where: { abs($0) > 1e-6 }) { lines.append("grad.\(entry.name): not zero") }
      } else {
        try compare("grad." + entry.name, gradient, tolerances.gradient)
      }
    }
    for round in 1...3 {
      if round > 1 { _ = step(objective, model) }
      optimizer.update(learningRate: 0.01, gradientScale: 1 / Double(labelCount))
    }
    for entry in entries where !Self.hasNoGradient(entry.name) {
      var values = Array(model.parameters.values(entry.name))
      if entry.name.hasSuffix("c_attn.bias") {
        let keys = values.count / 3..<2 * values.count / 3
        values.replaceSubrange(keys, with: try expected.array("after3." + entry.name)[keys])
      }
      try compare("after3." + entry.name, values, tolerances.afterThreeSteps)
    }
    try compare("loss_after3", [Float(step(objective, model))], tolerances.lossAfterThreeSteps)
    return lines
  }

  /// The bias of an encoder's keys adds the same to every score of a row.
  private static func hasNoGradient(_ name: String) -> Bool { name.hasSuffix("self.key.bias") }

  private var batch: PackedBatch { PackedBatch(sequences, for: configuration.architecture) }

  private var labelCount: Float { Float(batch.labelCount) }

  /// The mean loss; its summed gradient lies in the model's buffer.
  private func step(_ objective: Objective, _ model: AdapterModel) -> Double {
    var sums = LossSums(accountCount: 3)
    model.parameters.zeroGradients()
    objective.addGradient(of: batch, randomKey: RandomKey(seed: 0), to: &sums)
    return sums.mean
  }

  private func lastLogits(_ sequence: TestSequence, _ model: AdapterModel) -> [Float] {
    var batch = PackedBatch()
    batch.appendEveryPosition(sequence.example, for: configuration.architecture, route: sequence.task)
    return Objective(model).withLogits(of: batch) { $0.rows(max(0, $0.rows - 6)..<$0.rows).array() }
  }
}
