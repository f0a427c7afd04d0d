import Foundation

extension SafetensorsWriter {
  /// A tensor of any type, without its bytes.
  public typealias TypedTensor = (name: String, shape: [Int], dataType: DataType)

  /// Writes tensors of any types, made one after the other: the widest types first, so that all lie aligned, and by
  /// name among equals.
  ///
  /// - Parameter bytes: Gives a tensor's bytes, little-endian and in row-major order.
  /// - Throws: As ``write(to:tensors:metadata:)``, or what `bytes` throws; no file then appears.
  public static func write(
    to url: URL, typed tensors: [TypedTensor], metadata: [String: String] = ["format": "pt"],
    bytes: (Int) throws -> [UInt8]
  ) throws {
    let order = tensors.indices.sorted { first, second in
      let widths = (tensors[first].dataType.byteCount, tensors[second].dataType.byteCount)
      return widths.0 == widths.1 ? utf8Order(tensors[first].name, tensors[second].name) : widths.0 > widths.1
    }
    let outlines = order.map { place in
      let (name, shape, dataType) = tensors[place]
      return Outline(name: name, shape: shape, count: shape.reduce(1, *), dataType: dataType)
    }
    try write(to: url, ordered: outlines, metadata: metadata) { file in
      for (place, outline) in zip(order, outlines) {
        let content = try bytes(place)
        precondition(
          content.count == outline.byteCount, "\(content.count) bytes for \(outline.name) of \(outline.byteCount)")
        try content.withUnsafeBytes { try file.write($0) }
      }
    }
  }
}

extension DataType {
  /// Numbers as this type stores them, rounded to the nearest (ties to even); nil for types that do not hold such
  /// numbers here.
  public func encode(_ values: [Float]) -> [UInt8]? {
    switch self {
    case .float32: values.withUnsafeBytes { Array($0) }
    case .float16: values.map(HalfPrecision.float16).withUnsafeBytes { Array($0) }
    case .bfloat16: values.map(HalfPrecision.bfloat16).withUnsafeBytes { Array($0) }
    default: nil
    }
  }
}
