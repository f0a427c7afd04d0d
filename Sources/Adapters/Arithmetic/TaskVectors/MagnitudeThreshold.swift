/// The k-th largest magnitude of numbers that come in parts, so that a model's need not be in memory together.
enum MagnitudeThreshold {
  private static let digitBits = 16

  /// Radix selection: magnitudes are ordered as their bits are, and each pass over them settles some of the bits.
  ///
  /// - Parameters:
  ///   - count: k, at most as many as there are numbers; 0 gives infinity.
  ///   - pass: Gives its argument all numbers, part by part, the same each time.
  /// - Returns: A bound that the k largest reach and, beside their equals, no others.
  static func find(keeping count: Int, _ pass: (_ body: ([Double]) -> Void) throws -> Void) rethrows -> Double {
    guard count > 0 else { return .infinity }
    var found: UInt64 = 0, settled: UInt64 = 0, left = count
    let digitMask = UInt64(1 << digitBits) - 1
    for shift in stride(from: UInt64.bitWidth - digitBits, through: 0, by: -digitBits) {
      var histogram = [Int](repeating: 0, count: 1 << digitBits)
      try pass { part in
        for value in part where value.magnitude.bitPattern & settled == found {
          histogram[Int(value.magnitude.bitPattern >> shift & digitMask)] += 1
        }
      }
      var digit = histogram.count - 1
      while digit > 0, histogram[digit] < left {
        left -= histogram[digit]
        digit -= 1
      }
      found |= UInt64(digit) << shift
      settled |= digitMask << shift
      if histogram[digit] == left { break }
    }
    return Double(bitPattern: found)
  }
}
