extension TensorSource {
  /// A tensor's bfloat16 patterns without a copy; nil unless they are BF16 and lie on an even address.
  ///
  /// - Throws: ``SafetensorsError/missingTensor(file:tensor:count:)``.
  func bfloats(_ name: String) throws -> UnsafeBufferPointer<UInt16>? {
    let bytes = try bytes(name)
    guard try info(name).dataType == .bfloat16, let address = bytes.baseAddress,
      Int(bitPattern: address) % MemoryLayout<UInt16>.alignment == 0
    else { return nil }
    return bytes.assumingMemoryBound(to: UInt16.self)
  }

  /// Copies a tensor of type F32, F16 or BF16 as bfloat16 patterns, row after row, each number rounded to the nearest
  /// (ties to even).
  ///
  /// - Parameter destination: As many patterns as the tensor has elements.
  /// - Throws: ``SafetensorsError`` when the tensor is missing, of another type or of another size, or holds a finite
  ///   number that would become infinite.
  func copyBFloats(_ name: String, into destination: UnsafeMutableBufferPointer<UInt16>) throws {
    let info = try info(name), source = try bytes(name)
    guard info.elementCount == destination.count else {
      throw SafetensorsError.wrongElementCount(file: path, tensor: name, shape: info.shape, wanted: destination.count)
    }
    switch info.dataType {
    case .float32:
      guard HalfPrecision.round(float32: source, into: destination) else {
        throw SafetensorsError.tooLargeForBFloat16(file: path, tensor: name)
      }
    case .float16: HalfPrecision.round(float16: source, into: destination)
    case .bfloat16: UnsafeMutableRawBufferPointer(destination).copyMemory(from: source)
    default: throw SafetensorsError.notFloatingPoint(file: path, tensor: name, dataType: info.dataType)
    }
  }
}
