/// The header of a safetensors file, read and checked against the file's length.
///
/// Layout of a file: the header's length N (8 bytes, little-endian), N bytes of JSON, then the tensors' bytes without
/// gaps. See <https://huggingface.co/docs/safetensors>; like its reference reader this one accepts no overlap, no gap
/// and nothing after the last tensor.
struct SafetensorsHeader {
  /// The longest header read, in bytes; a longer one means a damaged file.
  static let maximumLength = 100_000_000
  /// The key that holds the metadata instead of a tensor.
  static let metadataKey = "__metadata__"

  private(set) var tensors: [String: TensorInfo] = [:]
  private(set) var metadata: [String: String] = [:]

  /// Where the first tensor begins, counted from the start of the file.
  private let dataStart: Int
  private let file: String

  /// Reads the header of a mapped file.
  ///
  /// - Throws: ``SafetensorsError``, for every fault that a file can have.
  init(of bytes: UnsafeRawBufferPointer, file: String) throws {
    guard bytes.count >= 8 else { throw SafetensorsError.tooShort(file: file, byteCount: bytes.count) }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(Self.maximumLength) else {
      throw SafetensorsError.absurdHeader(file: file, length: length)
    }
    dataStart = 8 + Int(length)
    self.file = file
    guard dataStart <= bytes.count else {
      throw SafetensorsError.truncatedHeader(file: file, expected: dataStart, found: bytes.count)
    }
    var scanner = HeaderScanner(
      bytes: UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart]), origin: 8, file: file)
    try scanner.readObject { scanner, name in
      if name == Self.metadataKey {
        try scanner.readObject { metadata[$1] = try $0.readString() }
      } else {
        guard tensors[name] == nil else { throw SafetensorsError.duplicateTensor(file: file, tensor: name) }
        tensors[name] = try readTensor(name, &scanner)
      }
    }
    try scanner.expectEnd()
    try checkPlaces(fileLength: bytes.count)
  }

  /// Reads `{"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}`.
  private func readTensor(_ name: String, _ scanner: inout HeaderScanner) throws -> TensorInfo {
    var typeName: String?
    var shape: [Int]?
    var offsets: [Int]?
    try scanner.readObject { scanner, key in
      switch key {
      case "dtype": typeName = try scanner.readString()
      case "shape": shape = try scanner.readIntegers()
      case "data_offsets": offsets = try scanner.readIntegers()
      default: throw scanner.malformed("tensor '\(name)' has the unknown key '\(key)'")
      }
    }
    guard let typeName, let shape, let offsets, offsets.count == 2 else {
      throw scanner.malformed("tensor '\(name)' lacks its dtype, its shape or its two data_offsets")
    }
    guard let dataType = DataType(rawValue: typeName) else {
      throw SafetensorsError.unknownDataType(file: file, tensor: name, name: typeName)
    }
    let place = try checkOffsets(name, begin: offsets[0], end: offsets[1])
    let expected = try byteCount(name, dataType, shape)
    guard place.count == expected else {
      throw SafetensorsError.wrongByteCount(
        file: file, tensor: name, dataType: dataType, shape: shape, expected: expected, found: place.count)
    }
    return TensorInfo(dataType: dataType, shape: shape, byteRange: place)
  }

  /// The tensor's place in the file, from its offsets into the data.
  private func checkOffsets(_ name: String, begin: Int, end: Int) throws -> Range<Int> {
    let (fileEnd, overflow) = end.addingReportingOverflow(dataStart)
    guard begin >= 0, begin <= end, !overflow else {
      throw SafetensorsError.invalidOffsets(file: file, tensor: name, begin: begin, end: end)
    }
    return begin + dataStart..<fileEnd
  }

  private func byteCount(_ name: String, _ dataType: DataType, _ shape: [Int]) throws -> Int {
    var count = dataType.byteCount
    for length in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: length)
      guard length >= 0, !overflow else {
        throw SafetensorsError.invalidShape(file: file, tensor: name, shape: shape)
      }
      count = product
    }
    return count
  }

  /// Checks that the tensors fill the rest of the file, one after the other.
  private func checkPlaces(fileLength: Int) throws {
    let inOrder = tensors.sorted {
      let (first, second) = ($0.value.byteRange, $1.value.byteRange)
      return (first.lowerBound, first.upperBound, $0.key) < (second.lowerBound, second.upperBound, $1.key)
    }
    var end = dataStart
    var previous = ""
    for (name, info) in inOrder {
      let place = info.byteRange
      if place.lowerBound < end { throw SafetensorsError.overlap(file: file, first: previous, second: name) }
      if place.lowerBound > end {
        throw SafetensorsError.hole(file: file, before: name, byteCount: place.lowerBound - end)
      }
      (end, previous) = (place.upperBound, name)
    }
    if end > fileLength {
      let cut = inOrder.first { $0.value.byteRange.upperBound > fileLength }?.key ?? previous
      throw SafetensorsError.truncated(file: file, tensor: cut, expected: end, found: fileLength)
    }
    if end < fileLength { throw SafetensorsError.trailingBytes(file: file, expected: end, found: fileLength) }
  }
}
