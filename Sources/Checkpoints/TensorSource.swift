/// Named tensors that can be read: one safetensors file, or several shards under one name space.
///
/// Pointers from it are valid while the source lives. Keep it in a property, or wrap their use in
/// `withExtendedLifetime(source) { … }`: a local variable may be released after its last mention.
public protocol TensorSource: AnyObject, Sendable {
  /// The tensors' names, in ascending order of their UTF-8 bytes.
  var names: [String] { get }

  /// How error texts call the source: the path of its file or index.
  var path: String { get }

  /// Whether there is a tensor called `name`.
  func contains(_ name: String) -> Bool

  /// Type, shape and place of a tensor.
  ///
  /// - Throws: ``SafetensorsError/missingTensor(file:tensor:count:)``.
  func info(_ name: String) throws -> TensorInfo

  /// A tensor's bytes as the file holds them, without a copy.
  func bytes(_ name: String) throws -> UnsafeRawBufferPointer

  /// A tensor's numbers without a copy; nil unless they are fp32 and 4-byte aligned.
  func floats(_ name: String) throws -> UnsafeBufferPointer<Float>?

  /// Converts a tensor of type F32, F16 or BF16 to fp32, exactly, row after row.
  ///
  /// - Parameter destination: As many floats as the tensor has elements.
  /// - Throws: ``SafetensorsError`` when the tensor is missing, of another type or of another size.
  func copyFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws
}

extension TensorSource {
  /// A tensor of type F32, F16 or BF16 as a fresh array of fp32 numbers.
  public func array(_ name: String) throws -> [Float] {
    let count = try info(name).elementCount
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      try copyFloats(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initializedCount = count
    }
  }

  /// Checks that a tensor is there with the shape that the model's configuration asks for.
  ///
  /// - Throws: ``SafetensorsError/missingTensor(file:tensor:count:)`` or
  ///   ``SafetensorsError/wrongShape(file:tensor:expected:found:)``.
  @discardableResult
  public func require(_ name: String, shape: [Int]) throws -> TensorInfo {
    let info = try info(name)
    guard info.shape == shape else {
      throw SafetensorsError.wrongShape(file: path, tensor: name, expected: shape, found: info.shape)
    }
    return info
  }
}
