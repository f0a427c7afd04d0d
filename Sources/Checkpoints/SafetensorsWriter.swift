import Foundation
import JSON

/// Writes safetensors files of fp32 tensors: sorted by name, aligned to 8 bytes, the same bytes for the same tensors.
public enum SafetensorsWriter {
  /// A tensor to write: `values` in row-major order, as many as the product of `shape`.
  public typealias Tensor = (name: String, shape: [Int], values: UnsafeBufferPointer<Float>)
  /// The same with its numbers in an array.
  public typealias ArrayTensor = (name: String, shape: [Int], values: [Float])

  /// Writes tensors straight from their memory. The file appears under its name only when it is whole.
  ///
  /// - Throws: ``FileError`` when the disk is full or the place unwritable (nothing is left behind, an older file
  ///   stays as it was); ``SafetensorsError`` for a name used twice or reserved.
  public static func write(
    to url: URL, tensors: [Tensor], metadata: [String: String] = ["format": "pt"]
  ) throws {
    let outlines = tensors.map { Outline(name: $0.name, shape: $0.shape, count: $0.values.count) }
    try write(to: url, outlines: outlines, metadata: metadata) { file in
      for index in order(of: outlines.map(\.name)) { try file.write(UnsafeRawBufferPointer(tensors[index].values)) }
    }
  }

  /// ``write(to:tensors:metadata:)`` for arrays.
  public static func write(
    to url: URL, arrays: [ArrayTensor], metadata: [String: String] = ["format": "pt"]
  ) throws {
    let outlines = arrays.map { Outline(name: $0.name, shape: $0.shape, count: $0.values.count) }
    try write(to: url, outlines: outlines, metadata: metadata) { file in
      for index in order(of: outlines.map(\.name)) { try arrays[index].values.withUnsafeBytes { try file.write($0) } }
    }
  }

  /// Writes tensors that are made one after the other, so that they need not be in memory together.
  ///
  /// - Parameter writeValues: Passes the tensors' numbers in the ``order(of:)`` of their names to its argument.
  public static func write(
    to url: URL, shapes: [(name: String, shape: [Int])], metadata: [String: String] = ["format": "pt"],
    writeValues: (_ append: (UnsafeBufferPointer<Float>) throws -> Void) throws -> Void
  ) throws {
    let outlines = shapes.map { Outline(name: $0.name, shape: $0.shape, count: $0.shape.reduce(1, *)) }
    try write(to: url, outlines: outlines, metadata: metadata) { file in
      var count = 0
      try writeValues {
        count += $0.count
        try file.write(UnsafeRawBufferPointer($0))
      }
      let expected = outlines.reduce(0) { $0 + $1.count }
      precondition(count == expected, "\(count) numbers written for tensors of \(expected)")
    }
  }

  /// The places of `names` in the order in which a file holds them.
  public static func order(of names: [String]) -> [Int] {
    names.indices.sorted { utf8Order(names[$0], names[$1]) }
  }

  /// Reopens a written file and compares it with memory: the count, the names, the shapes, and instead of a checksum
  /// every single byte.
  ///
  /// - Throws: ``SafetensorsError/verificationFailed(file:reason:)`` with the first difference, or what opening throws.
  public static func verify(_ url: URL, tensors: [Tensor]) throws {
    let file = try reopen(url, expectedCount: tensors.count)
    for tensor in tensors { try compare(file, tensor) }
  }

  /// ``verify(_:tensors:)`` for arrays.
  public static func verify(_ url: URL, arrays: [ArrayTensor]) throws {
    let file = try reopen(url, expectedCount: arrays.count)
    for array in arrays {
      try array.values.withUnsafeBufferPointer { try compare(file, (array.name, array.shape, $0)) }
    }
  }

  /// A tensor without its numbers.
  struct Outline {
    let name: String
    let shape: [Int]
    let count: Int
    var dataType = DataType.float32

    var byteCount: Int { count * dataType.byteCount }
  }

  /// Writes the header, then lets `writeValues` append the tensors' bytes in the order of their names.
  private static func write(
    to url: URL, outlines: [Outline], metadata: [String: String], writeValues: (OutputFile) throws -> Void
  ) throws {
    let sorted = order(of: outlines.map(\.name)).map { outlines[$0] }
    try write(to: url, ordered: sorted, metadata: metadata, writeValues: writeValues)
  }

  /// Writes the header, then lets `writeValues` append the tensors' bytes in the outlines' order.
  static func write(
    to url: URL, ordered outlines: [Outline], metadata: [String: String], writeValues: (OutputFile) throws -> Void
  ) throws {
    let header = try header(for: outlines, metadata: metadata, file: url.path)
    let file = try OutputFile(url)
    try header.withUnsafeBytes { try file.write($0) }
    try writeValues(file)
    try file.publish()
  }

  /// The header's length and JSON, padded with spaces to a multiple of 8 bytes.
  private static func header(for outlines: [Outline], metadata: [String: String], file: String) throws -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let notes = metadata.sorted { utf8Order($0.key, $1.key) }
        .map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
      members.append("\(JSONText.quoted(SafetensorsHeader.metadataKey)):{\(notes.joined(separator: ","))}")
    }
    var offset = 0, names: Set<String> = []
    for outline in outlines {
      let product = outline.shape.reduce(1, *)
      precondition(product == outline.count, "\(outline.name): shape \(outline.shape) for \(outline.count) numbers")
      if outline.name == SafetensorsHeader.metadataKey {
        throw SafetensorsError.reservedName(file: file, tensor: outline.name)
      }
      if !names.insert(outline.name).inserted {
        throw SafetensorsError.duplicateTensor(file: file, tensor: outline.name)
      }
      let end = offset + outline.byteCount
      let shape = outline.shape.map(String.init).joined(separator: ",")
      members.append(
        "\(JSONText.quoted(outline.name)):{\"dtype\":\"\(outline.dataType.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    json.append(contentsOf: repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8))
    return withUnsafeBytes(of: UInt64(json.count).littleEndian, Array.init) + json
  }

  private static func reopen(_ url: URL, expectedCount: Int) throws -> SafetensorsFile {
    let file = try SafetensorsFile(url)
    guard file.names.count == expectedCount else {
      throw SafetensorsError.verificationFailed(
        file: url.path, reason: "it has \(file.names.count) tensors instead of \(expectedCount)")
    }
    return file
  }

  private static func compare(_ file: SafetensorsFile, _ tensor: Tensor) throws {
    func fail(_ reason: String) -> SafetensorsError {
      .verificationFailed(file: file.path, reason: "tensor '\(tensor.name)' \(reason)")
    }
    guard file.contains(tensor.name) else { throw fail("is missing") }
    let info = try file.info(tensor.name)
    guard info.dataType == .float32 else { throw fail("has type \(info.dataType.rawValue)") }
    guard info.shape == tensor.shape else { throw fail("has shape \(info.shape) instead of \(tensor.shape)") }
    let (found, expected) = (try file.bytes(tensor.name), UnsafeRawBufferPointer(tensor.values))
    guard found.count == expected.count else { throw fail("has \(found.count) bytes instead of \(expected.count)") }
    if let first = found.baseAddress, let second = expected.baseAddress, memcmp(first, second, found.count) != 0 {
      throw fail("has other numbers")
    }
  }
}
