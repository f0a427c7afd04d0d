/// Scalars in the UTF-8 bytes of a Swift string, which are always well formed.
extension Span<UInt8> {
  /// The scalar whose first byte is at `index`, and how many bytes it takes.
  @inline(__always)
  func scalar(at index: Int) -> (scalar: Unicode.Scalar, byteCount: Int) {
    let first = UInt32(self[index])
    if first < 0x80 { return (Unicode.Scalar(UInt8(first)), 1) }
    let second = UInt32(self[index + 1] & 0x3F)
    if first < 0xE0 { return (Unicode.Scalar((first & 0x1F) << 6 | second)!, 2) }
    let third = UInt32(self[index + 2] & 0x3F)
    if first < 0xF0 { return (Unicode.Scalar((first & 0x0F) << 12 | second << 6 | third)!, 3) }
    let fourth = UInt32(self[index + 3] & 0x3F)
    return (Unicode.Scalar((first & 0x07) << 18 | second << 12 | third << 6 | fourth)!, 4)
  }

  /// The scalar that ends just before `index`, and how many bytes it takes.
  func scalar(before index: Int) -> (scalar: Unicode.Scalar, byteCount: Int) {
    var start = index - 1
    while self[start] & 0xC0 == 0x80 { start -= 1 }
    return scalar(at: start)
  }

  /// Calls `body` with each scalar of `range` and the bytes it takes.
  @inline(__always)
  func forEachScalar(in range: Range<Int>, _ body: (Unicode.Scalar, Range<Int>) -> Void) {
    var index = range.lowerBound
    while index < range.upperBound {
      let (scalar, byteCount) = scalar(at: index)
      body(scalar, index..<index + byteCount)
      index += byteCount
    }
  }

  /// Whether `pattern` stands at `index`.
  func holds(_ pattern: [UInt8], at index: Int) -> Bool {
    guard index + pattern.count <= count else { return false }
    return pattern.indices.allSatisfy { self[index + $0] == pattern[$0] }
  }

  /// A copy of `range`.
  func array(_ range: Range<Int>) -> [UInt8] { extracting(range).withUnsafeBufferPointer { Array($0) } }
}

extension [UInt8] {
  /// Appends the UTF-8 bytes of `scalar`.
  @inline(__always)
  mutating func append(_ scalar: Unicode.Scalar) {
    if scalar.isASCII {
      append(UInt8(truncatingIfNeeded: scalar.value))
    } else {
      append(contentsOf: UTF8.encode(scalar)!)
    }
  }

  /// Appends `range` of `bytes`.
  @inline(__always)
  mutating func append(_ range: Range<Int>, of bytes: Span<UInt8>) {
    for index in range { append(bytes[index]) }
  }

  /// The bytes with every `pattern`, which is not empty, replaced, from the left.
  func replacing(bytes pattern: [UInt8], with replacement: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(count)
    var index = 0
    while index < count {
      if span.holds(pattern, at: index) {
        result.append(contentsOf: replacement)
        index += pattern.count
      } else {
        result.append(self[index])
        index += 1
      }
    }
    return result
  }
}
