import Checkpoints

/// Numbers by name that the values of an adapter are read from.
protocol AdapterValues {
  var names: [String] { get }
  /// What errors call them: a file's path.
  var path: String { get }

  func contains(_ name: String) -> Bool
  func shape(_ name: String) throws -> [Int]

  /// Copies the numbers, as many as the shape has.
  func copyFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws
}

extension SafetensorsFile: AdapterValues {
  func shape(_ name: String) throws -> [Int] { try info(name).shape }
}

/// The values of an adapter that need not be in a file.
struct HeldValues: AdapterValues {
  let path: String
  private let tensors: [String: SavedTensor]

  init(_ adapter: SavedAdapter) {
    path = adapter.file
    tensors = Dictionary(adapter.tensors.map { ($0.name, $0) }) { first, _ in first }
  }

  var names: [String] { tensors.keys.sorted() }

  func contains(_ name: String) -> Bool { tensors[name] != nil }

  func shape(_ name: String) throws -> [Int] { try tensor(name).shape }

  func copyFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    _ = destination.update(fromContentsOf: try tensor(name).values)
  }

  private func tensor(_ name: String) throws -> SavedTensor {
    guard let tensor = tensors[name] else { throw AdapterError.missingTensors([name], file: path) }
    return tensor
  }
}
