import Checkpoints
import Foundation
import TestSupport
import Testing

/// A folder with a fixture's model (`model`) and one of its adapters (`adapter`), to be changed and merged (`out`).
struct MergeFolder {
  /// What `merge --json` says.
  struct Report: Decodable {
    struct Probe: Decodable {
      let max_difference: Double
      let max_logit: Double
      let logits: Int

      /// The difference relative to the largest logit.
      var relativeDifference: Double { max_difference / max(1, max_logit) }
    }

    let maps: Int
    let whole_modules: [String]
    let untied: Bool
    let dtypes: [String]
    let probe: Probe?
    let output: String
  }

  /// A tensor of a file.
  struct Tensor {
    let shape: [Int]
    let dataType: DataType
    let bytes: [UInt8]

    init(_ shape: [Int], _ values: [Float], _ dataType: DataType = .float32) {
      (self.shape, self.dataType, bytes) = (shape, dataType, dataType.encode(values) ?? [])
    }

    /// A tensor as a file holds it.
    fileprivate init(_ name: String, of file: SafetensorsFile) throws {
      let info = try file.info(name)
      (shape, dataType, bytes) = (info.shape, info.dataType, Array(try file.bytes(name)))
    }

    init(_ shape: [Int], integers: [Int64]) {
      (self.shape, dataType, bytes) = (shape, .int64, integers.withUnsafeBytes { Array($0) })
    }
  }

  let url: URL

  static func model(_ family: String) throws -> URL { try Fixtures.url("backbones/\(family)") }

  static func with(_ family: String, _ adapter: String, _ body: (MergeFolder) throws -> Void) throws {
    try withTemporaryFolder { url in
      let folder = MergeFolder(url: url), source = try model(family)
      try FileManager.default.createDirectory(at: folder.file("model"), withIntermediateDirectories: true)
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(at: source.appending(path: name), to: folder.file("model/\(name)"))
      }
      try FileManager.default.copyItem(
        at: Fixtures.require(source.appending(path: "adapters/\(adapter)")), to: folder.file("adapter"))
      try body(folder)
    }
  }

  func file(_ path: String) -> URL { url.appending(path: path) }

  // MARK: Files

  /// The tensors of the model, or of `out`.
  func weights(_ folder: String) throws -> SafetensorsFile { try Self.weights(file(folder)) }

  static func weights(_ folder: URL) throws -> SafetensorsFile {
    try SafetensorsFile(folder.appending(path: "model.safetensors"))
  }

  func adapterWeights() throws -> SafetensorsFile { try SafetensorsFile(file("adapter/adapter_model.safetensors")) }

  static func json(_ file: URL) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
  }

  /// Sets keys of `model/config.json` or `adapter/adapter_config.json`.
  func set(_ keys: [String: Any], in path: String) throws {
    let json = try Self.json(file(path)).merging(keys) { $1 }
    try JSONSerialization.data(withJSONObject: json).write(to: file(path))
  }

  /// Writes a file again with other tensors among its own.
  func put(_ others: [String: Tensor], in path: String) throws {
    let old = try SafetensorsFile(file(path))
    var tensors = Dictionary(uniqueKeysWithValues: try old.names.map { ($0, try Tensor($0, of: old)) })
    tensors.merge(others) { $1 }
    let sorted = tensors.sorted { $0.key < $1.key }
    try SafetensorsWriter.write(
      to: file(path), typed: sorted.map { ($0.key, $0.value.shape, $0.value.dataType) }
    ) { sorted[$0].value.bytes }
  }

  /// Gives the model's matrices 16 bits.
  func narrow(to type: DataType) throws {
    let old = try weights("model")
    let matrices = try old.names.filter { try old.info($0).shape.count > 1 }
    try put(
      Dictionary(
        uniqueKeysWithValues: matrices.map { ($0, Tensor(try old.info($0).shape, try old.array($0), type)) }),
      in: "model/model.safetensors")
  }

  /// Gives the adapter an output projection of its own: half of the table that the model's is tied to.
  ///
  /// - Returns: The projection.
  func addProjection(from table: String) throws -> [Float] {
    let weights = try weights("model"), projection = try weights.array(table).map { 0.5 * $0 }
    try set(["modules_to_save": ["lm_head"]], in: "adapter/adapter_config.json")
    try put(
      ["base_model.model.lm_head.weight": Tensor(try weights.info(table).shape, projection)],
      in: "adapter/adapter_model.safetensors")
    return projection
  }

  // MARK: Command

  func run(_ arguments: [String] = []) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(
      ["merge", "--model", "model", "--adapter", "adapter", "--output", "out"] + arguments, in: url)
  }

  func merge(_ arguments: [String] = []) throws -> Report {
    try Self.merge(file("model"), file("adapter"), arguments, in: url)
  }

  /// Merges a model and an adapter into `out`, which must go well.
  static func merge(_ model: URL, _ adapter: URL, _ arguments: [String] = [], in folder: URL) throws -> Report {
    let adapter = try Fixtures.require(adapter)
    let outcome = try PolyadProcess.run(
      ["merge", "--model", model.path, "--adapter", adapter.path, "--output", "out", "--json"] + arguments, in: folder)
    // Of its products it speaks where the machine lacks something.
    let remarks = outcome.standardError.split(separator: "\n").filter { !$0.contains("products") }
    try #require(outcome.exitCode == 0 && remarks.isEmpty, "\(outcome.standardError)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  /// Expects that a merge is refused with a text, and leaves nothing behind.
  func expectRefusal(_ text: String, _ arguments: [String] = []) throws {
    let outcome = try run(arguments)
    #expect(outcome.exitCode == 4 && outcome.standardError.contains(text), "\(outcome.standardError)")
    let names = try FileManager.default.contentsOfDirectory(atPath: url.path)
    #expect(!names.contains { $0.contains("out") })
  }
}
