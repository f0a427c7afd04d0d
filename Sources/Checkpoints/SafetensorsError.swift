/// What can be wrong with a safetensors file, or with a use of it.
public enum SafetensorsError: Error, Equatable, CustomStringConvertible {
  case tooShort(file: String, byteCount: Int)
  case absurdHeader(file: String, length: UInt64)
  case truncatedHeader(file: String, expected: Int, found: Int)
  case malformedHeader(file: String, byte: Int, reason: String)
  case duplicateTensor(file: String, tensor: String)
  case unknownDataType(file: String, tensor: String, name: String)
  case invalidShape(file: String, tensor: String, shape: [Int])
  case invalidOffsets(file: String, tensor: String, begin: Int, end: Int)
  case wrongByteCount(file: String, tensor: String, dataType: DataType, shape: [Int], expected: Int, found: Int)
  case overlap(file: String, first: String, second: String)
  case hole(file: String, before: String, byteCount: Int)
  case truncated(file: String, tensor: String, expected: Int, found: Int)
  case trailingBytes(file: String, expected: Int, found: Int)
  case missingTensor(file: String, tensor: String, count: Int)
  case notFloatingPoint(file: String, tensor: String, dataType: DataType)
  case wrongElementCount(file: String, tensor: String, shape: [Int], wanted: Int)
  case tooLargeForBFloat16(file: String, tensor: String)
  case wrongShape(file: String, tensor: String, expected: [Int], found: [Int])
  case reservedName(file: String, tensor: String)
  case verificationFailed(file: String, reason: String)

  public var description: String {
    switch self {
    case .tooShort(let file, let byteCount):
      "\(file): \(byteCount) bytes are too few for a safetensors file (at least 8). Copy or download it again."
    case .absurdHeader(let file, let length):
      "\(file): its first 8 bytes announce a header of \(length) bytes, above the limit of "
        + "\(SafetensorsHeader.maximumLength). It is damaged, or not a safetensors file."
    case .truncatedHeader(let file, let expected, let found):
      "\(file): cut short inside its header: expected at least \(expected) bytes, found \(found). "
        + "Copy or download it again."
    case .malformedHeader(let file, let byte, let reason):
      "\(file): header not readable at byte \(byte) of the file: \(reason). It is damaged, or not a safetensors file."
    case .duplicateTensor(let file, let tensor):
      "\(file): the tensor '\(tensor)' is there twice. Names must be unique."
    case .unknownDataType(let file, let tensor, let name):
      "\(file): tensor '\(tensor)' has the unknown type '\(name)'. Known are "
        + DataType.allCases.map(\.rawValue).joined(separator: ", ") + "."
    case .invalidShape(let file, let tensor, let shape):
      "\(file): tensor '\(tensor)' has the shape \(shape): a negative length, or more bytes than can be counted."
    case .invalidOffsets(let file, let tensor, let begin, let end):
      "\(file): tensor '\(tensor)' reaches from byte \(begin) to byte \(end): offsets must not be negative, "
        + "nor end before they begin."
    case .wrongByteCount(let file, let tensor, let dataType, let shape, let expected, let found):
      "\(file): tensor '\(tensor)' of type \(dataType.rawValue) and shape \(shape) takes \(expected) bytes, "
        + "but its offsets hold \(found)."
    case .overlap(let file, let first, let second):
      "\(file): the bytes of the tensors '\(first)' and '\(second)' overlap."
    case .hole(let file, let before, let byteCount):
      "\(file): \(byteCount) bytes before the tensor '\(before)' belong to no tensor; tensors must follow each other "
        + "without a gap."
    case .truncated(let file, let tensor, let expected, let found):
      "\(file): cut short: expected \(expected) bytes, found \(found), so that tensor '\(tensor)' is not whole. "
        + "Copy or download it again."
    case .trailingBytes(let file, let expected, let found):
      "\(file): too long: expected \(expected) bytes, found \(found); what follows the last tensor belongs to none."
    case .missingTensor(let file, let tensor, let count):
      "\(file): no tensor '\(tensor)' among its \(count). Check that the file belongs to this model or adapter."
    case .notFloatingPoint(let file, let tensor, let dataType):
      "\(file): tensor '\(tensor)' has type \(dataType.rawValue); only F32, F16 and BF16 can be read as weights."
    case .wrongElementCount(let file, let tensor, let shape, let wanted):
      "\(file): tensor '\(tensor)' has shape \(shape) (\(shape.reduce(1, *)) numbers) where \(wanted) are wanted."
    case .tooLargeForBFloat16(let file, let tensor):
      "\(file): tensor '\(tensor)' holds numbers above \(DataType.bfloat16.largest), which would be infinite in bf16. "
        + "Use the precision fp32."
    case .wrongShape(let file, let tensor, let expected, let found):
      "\(file): tensor '\(tensor)' has shape \(found), the configuration asks for \(expected)."
    case .reservedName(let file, let tensor):
      "\(file): a tensor cannot be called '\(tensor)', the format's own key. Rename it."
    case .verificationFailed(let file, let reason):
      "\(file): reopened after writing, it differs from memory: \(reason). Check the disk and write it again."
    }
  }
}
