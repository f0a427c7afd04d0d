import Backbones
import Checkpoints

/// A whole model's tensors under the names that the model gives them, whatever its file calls them.
struct ModelTensors {
  /// What messages call the model.
  let name: String
  let folder: ModelFolder
  /// The file's names of weights, by the model's; without constants, and without copies of tied arrays.
  let weights: [String: String]
  /// The same of integers and the like.
  let buffers: [String: String]
  private let source: WeightFiles
  /// What the file leaves out of the model's names in front, such as `transformer.`.
  private let prefix: String

  /// - Throws: `BackboneError`, `ModelFolderError`, `SafetensorsError` or an error of a file.
  init(_ folder: ModelFolder, name: String) throws {
    (self.folder, self.name) = (folder, name)
    source = try folder.weights()
    let configuration = try BackboneLoader.configuration(of: folder).fitting(Set(source.names))
    var weights = try BackboneLoader.fileNames(of: folder), buffers: [String: String] = [:]
    let shortened = weights.first { $0.key != $0.value && $0.key.hasSuffix($0.value) }
    prefix = shortened.map { String($0.key.dropLast($0.value.count)) } ?? ""
    let used = Set(weights.values)
    for tensor in source.names where !used.contains(tensor) {
      let full = tensor.hasPrefix(prefix) ? tensor : prefix + tensor
      if try !source.info(tensor).dataType.holdsWeights {
        buffers[full] = tensor
      } else if !configuration.ignores(tensor) {
        weights[full] = tensor
      }
    }
    (self.weights, self.buffers) = (weights, buffers)
  }

  /// What the file calls a tensor, or would call it if it had it.
  func fileName(of tensor: String) -> String { weights[tensor] ?? String(tensor.trimmingPrefix(prefix)) }

  /// Type and shape of a weight or a buffer that is there.
  func info(_ tensor: String) throws -> TensorInfo { try source.info(weights[tensor] ?? buffers[tensor] ?? tensor) }

  /// The shape of a weight; nil: it is not there.
  func shape(_ tensor: String) throws -> [Int]? { try weights[tensor].map { try source.info($0).shape } }

  /// The bytes of a weight or a buffer that is there.
  func bytes(_ tensor: String) throws -> [UInt8] {
    Array(try source.bytes(weights[tensor] ?? buffers[tensor] ?? tensor))
  }

  /// The numbers of a weight that is there.
  func numbers(_ tensor: String) throws -> TensorNumbers { try TensorNumbers(fileName(of: tensor), of: source) }

  /// A value of config.json as text; nil where it states none.
  func setting(_ key: String) -> String? {
    folder.configurationValues[key].flatMap { "\($0)" == "<null>" ? nil : "\($0)" }
  }
}

/// A tensor's numbers, part by part: straight from the file where it holds 32-bit floats.
struct TensorNumbers {
  private let mapped: UnsafeBufferPointer<Float>?
  private let converted: [Float]
  /// Keeps the mapping alive.
  private let source: WeightFiles

  init(_ fileName: String, of source: WeightFiles) throws {
    self.source = source
    mapped = try source.floats(fileName)
    converted = try mapped == nil ? source.array(fileName) : []
  }

  func doubles(_ range: Range<Int>) -> [Double] {
    mapped.map { $0[range].map(Double.init) } ?? converted[range].map(Double.init)
  }
}
