import Tensors

/// The numbers of a gradient buffer that a step's reduction carries, end to end.
struct GradientRanges {
  let ranges: [Range<Int>]
  let count: Int

  init(_ ranges: [Range<Int>]) {
    self.ranges = ranges
    count = ranges.reduce(0) { $0 + $1.count }
  }

  var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// The numbers themselves, where they lie in one piece.
  func piece(of gradients: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<Float>? {
    ranges.count == 1 ? UnsafeMutableBufferPointer(rebasing: gradients[ranges[0]]) : nil
  }

  /// Copies the numbers, rounded to `precision`, into `gathered`, which has room for them.
  func gather(
    _ gradients: UnsafeMutableBufferPointer<Float>, into gathered: UnsafeMutablePointer<Float>,
    roundedTo precision: Precision = .fp32
  ) {
    var target = gathered
    for range in ranges {
      target.copy(gradients.baseAddress! + range.lowerBound, count: range.count, roundedTo: precision)
      target += range.count
    }
  }

  /// Copies the numbers back.
  func scatter(_ gathered: UnsafeMutablePointer<Float>, into gradients: UnsafeMutableBufferPointer<Float>) {
    var source = gathered
    for range in ranges {
      (gradients.baseAddress! + range.lowerBound).copy(source, count: range.count)
      source += range.count
    }
  }

  func zero(_ gradients: UnsafeMutableBufferPointer<Float>) {
    for range in ranges { (gradients.baseAddress! + range.lowerBound).setZero(count: range.count) }
  }
}
