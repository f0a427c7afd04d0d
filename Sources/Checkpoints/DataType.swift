/// The element types of the safetensors format, under the names its headers use.
///
/// Tensors of every type can be listed and their bytes read; ``float32``, ``float16`` and ``bfloat16`` can also be
/// read as numbers.
public enum DataType: String, Sendable, CaseIterable {
  case float64 = "F64"
  case float32 = "F32"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case float8E4M3 = "F8_E4M3"
  case float8E5M2 = "F8_E5M2"
  case float8E8M0 = "F8_E8M0"
  case complex64 = "C64"
  case int64 = "I64"
  case int32 = "I32"
  case int16 = "I16"
  case int8 = "I8"
  case uint64 = "U64"
  case uint32 = "U32"
  case uint16 = "U16"
  case uint8 = "U8"
  case bool = "BOOL"

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .float64, .int64, .uint64, .complex64: 8
    case .float32, .int32, .uint32: 4
    case .float16, .bfloat16, .int16, .uint16: 2
    case .float8E4M3, .float8E5M2, .float8E8M0, .int8, .uint8, .bool: 1
    }
  }
}

/// What a safetensors header says of one tensor.
public struct TensorInfo: Sendable, Equatable {
  /// The type of its elements.
  public let dataType: DataType
  /// The length of each axis, outermost first; empty for a single number.
  public let shape: [Int]
  /// Where its bytes lie, counted from the start of the file. Elements are little-endian and in row-major order.
  public let byteRange: Range<Int>

  /// The number of elements: the product of the shape.
  public var elementCount: Int { byteRange.count / dataType.byteCount }
}
