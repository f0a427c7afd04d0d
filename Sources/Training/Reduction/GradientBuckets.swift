/// The numbers that travel in one step, cut into buckets in the order in which these leave.
struct GradientBuckets {
  /// A bucket's numbers, and their places when all buckets are gathered end to end.
  struct Bucket {
    let numbers: GradientRanges
    let places: Range<Int>
  }

  let buckets: [Bucket]
  /// Numbers of all buckets.
  let count: Int

  init(_ buckets: [[Range<Int>]]) {
    var end = 0
    self.buckets = buckets.map { ranges in
      let numbers = GradientRanges(ranges), start = end
      end += numbers.count
      return Bucket(numbers: numbers, places: start..<end)
    }
    count = end
  }

  var byteCount: Int { count * MemoryLayout<Float>.stride }
}
