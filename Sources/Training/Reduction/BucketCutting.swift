import Adapters
import Backbones
import Tensors

/// Cuts what travels in a step by the maps whose gradients it holds: the backward pass completes the last map's first.
struct BucketCutting {
  /// The maps with numbers that can train, the last first, and where these lie.
  private let maps: [(map: Linear, ranges: [Range<Int>])]
  /// All numbers that are no map's.
  private let rest: [Range<Int>]
  /// Numbers of a bucket at least.
  private let minimumCount: Int

  /// The buckets of a step. Any number that is in none of the maps' is in the last.
  struct Cut {
    var buckets: [[Range<Int>]] = []
    /// In how many maps each bucket but the last has numbers.
    var mapCounts: [Int] = []
    /// The bucket of each map's numbers.
    var places: [ObjectIdentifier: Int] = [:]
  }

  /// - Parameter byteCount: Of a bucket at least.
  init(_ model: AdapterModel, byteCount: Int) {
    let ranges = model.mapRanges
    maps = ranges.reversed()
    let mapped = ranges.flatMap(\.ranges).merged
    let bounds = [0] + mapped.flatMap { [$0.lowerBound, $0.upperBound] } + [model.parameters.count]
    rest = stride(from: 0, to: bounds.count, by: 2).map { bounds[$0]..<bounds[$0 + 1] }.filter { !$0.isEmpty }
    minimumCount = byteCount / MemoryLayout<Float>.stride
  }

  /// Bytes of a bucket among so many ranks: 32 KiB a slice, since smaller messages take as long.
  static func byteCount(rankCount: Int) -> Int { rankCount * (32 << 10) }

  /// - Parameter touched: Ascending ranges of the numbers that travel.
  func cut(_ touched: [Range<Int>]) -> Cut {
    var result = Cut(), open: [Range<Int>] = [], openCount = 0, mapCount = 0
    for (map, ranges) in maps {
      let own = touched.intersection(ranges)
      guard !own.isEmpty else { continue }
      open += own
      openCount += own.reduce(0) { $0 + $1.count }
      mapCount += 1
      result.places[ObjectIdentifier(map)] = result.buckets.count
      guard openCount >= minimumCount else { continue }
      result.buckets.append(open.merged)
      result.mapCounts.append(mapCount)
      (open, openCount, mapCount) = ([], 0, 0)
    }
    open += touched.intersection(rest)
    if !open.isEmpty || result.buckets.isEmpty { result.buckets.append(open.merged) }
    return result
  }
}
