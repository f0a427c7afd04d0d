import Adapters
import Backbones
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Training

/// A backbone's golden numbers: a model, six ragged examples, and what the reference implementations compute from them.
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
  public func backbone(precision: Precision = .fp32) throws -> any Backbone {
    try backbone(disturbance: nil, precision: precision)
  }

  /// The logits at every position of the examples, in either precision, without an adapter.
  public func logits(precision: Precision) throws -> [[Float]] {
    let objective = Objective(AdapterModel(bare: try backbone(precision: precision)))
    return sequences.map { sequence in objective.withLogits(of: everyPosition(of: sequence)) { $0.array() } }
  }

  /// The model with one of its adapters, or as a whole where it is nil: what trains.
  ///
  /// - Parameter disturbance: What draws the errors of all weights; nil: they are as they are saved.
  func model(_ adapter: String?, disturbance: Disturbance? = nil) throws -> AdapterModel {
    let backbone = try backbone(disturbance: disturbance)
    guard let adapter else {
      return try AdapterModel(AdapterConfiguration(peftType: .full), backbone: backbone, seed: 0)
    }
    let model = try AdapterFolder.load(golden(adapter), into: backbone, routerNoise: .off)
    for entry in model.parameters.entries { disturbance?.disturb(model.parameters.values(entry.name), entry.name) }
    return model
  }

  /// An adapter's folder, or the model's own where it is nil: where its golden numbers are.
  func golden(_ adapter: String?) throws -> URL {
    try adapter.map { try Fixtures.require(folder.appending(path: "adapters/\($0)")) } ?? folder
  }

  /// The six examples as one batch.
  public var batch: PackedBatch { PackedBatch(sequences, for: configuration.architecture) }

  /// An example as one whose every position has logits.
  func everyPosition(of sequence: TestSequence) -> PackedBatch {
    var batch = PackedBatch()
    batch.appendEveryPosition(sequence.example, for: configuration.architecture, route: sequence.task)
    return batch
  }

  private func backbone(disturbance: Disturbance?, precision: Precision = .fp32) throws -> any Backbone {
    let arrays = try configuration.parameterShapes.map { name, _ in
      var values = try weights.array(name)
      values.withUnsafeMutableBufferPointer { disturbance?.disturb($0, name) }
      return (name, values)
    }
    return TestModel.backbone(configuration, Dictionary(uniqueKeysWithValues: arrays), precision: precision)
  }
}
