import Foundation

/// A safetensors file, mapped read-only and checked whole when it is opened.
///
/// Pointers from it are valid while the object lives (see ``TensorSource``). Ranks on one node that open the same file
/// share its memory.
public final class SafetensorsFile: TensorSource, @unchecked Sendable {
  // Unchecked, because of the pointer in it: nothing changes after init, and the mapping is read-only.
  private let mapping: MappedFile
  private let tensors: [String: TensorInfo]

  /// The file.
  public let url: URL
  /// The header's free-form notes, such as `format: pt`.
  public let metadata: [String: String]
  public let names: [String]
  public var path: String { url.path }

  /// Opens, maps and checks a file.
  ///
  /// - Throws: ``FileError`` when it cannot be read, ``SafetensorsError`` when it is not a sound safetensors file.
  public init(_ url: URL) throws {
    mapping = try MappedFile(url)
    let header = try SafetensorsHeader(of: mapping.bytes, file: url.path)
    self.url = url
    tensors = header.tensors
    metadata = header.metadata
    names = header.tensors.keys.sorted(by: utf8Order)
  }

  public func contains(_ name: String) -> Bool { tensors[name] != nil }

  public func info(_ name: String) throws -> TensorInfo {
    guard let info = tensors[name] else {
      throw SafetensorsError.missingTensor(file: path, tensor: name, count: tensors.count)
    }
    return info
  }

  public func bytes(_ name: String) throws -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: mapping.bytes[try info(name).byteRange])
  }

  public func floats(_ name: String) throws -> UnsafeBufferPointer<Float>? {
    let bytes = try bytes(name)
    guard try info(name).dataType == .float32, let address = bytes.baseAddress,
      Int(bitPattern: address) % MemoryLayout<Float>.alignment == 0
    else { return nil }
    return bytes.assumingMemoryBound(to: Float.self)
  }

  public func copyFloats(_ name: String, into destination: UnsafeMutableBufferPointer<Float>) throws {
    let info = try info(name)
    guard info.elementCount == destination.count else {
      throw SafetensorsError.wrongElementCount(
        file: path, tensor: name, shape: info.shape, wanted: destination.count)
    }
    let source = try bytes(name)
    switch info.dataType {
    case .float32: UnsafeMutableRawBufferPointer(destination).copyMemory(from: source)
    case .float16: HalfPrecision.convert(float16: source, into: destination)
    case .bfloat16: HalfPrecision.convert(bfloat16: source, into: destination)
    default: throw SafetensorsError.notFloatingPoint(file: path, tensor: name, dataType: info.dataType)
    }
  }
}

/// The order of names in files, the same as Python's: by code point.
func utf8Order(_ first: String, _ second: String) -> Bool { first.utf8.lexicographicallyPrecedes(second.utf8) }
