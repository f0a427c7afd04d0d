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
  public func backbone(_ disturbance: Disturbance? = nil) throws -> any Backbone {
    let arrays = try configuration.parameterShapes.map { name, _ in
      var values = try weights.array(name)
      values.withUnsafeMutableBufferPointer { disturbance?.apply(to: $0, name) }
      return (name, values)
    }
    return TestModel.backbone(configuration, Dictionary(uniqueKeysWithValues: arrays))
  }

  /// An adapter's folder.
  public func adapter(_ name: String) throws -> URL { try Fixtures.require(folder.appending(path: "adapters/\(name)")) }

  var batch: PackedBatch { PackedBatch(sequences, for: configuration.architecture) }

  func lastLogits(_ sequence: TestSequence, _ model: AdapterModel) -> [Float] {
    var batch = PackedBatch()
    batch.appendEveryPosition(sequence.example, for: configuration.architecture, route: sequence.task)
    return Objective(model).withLogits(of: batch) { $0.rows(max(0, $0.rows - 6)..<$0.rows).array() }
  }
}
