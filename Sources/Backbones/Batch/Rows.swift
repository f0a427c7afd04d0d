/// Rows of one stream, laid end to end in segments: where each segment lies, whose it is, and what it sees.
public struct Rows: Sendable {
  /// Neighbouring rows of one example, or of several that begin alike.
  public struct Segment: Sendable, Equatable {
    /// Which example of its batch it belongs to; of several the first.
    public let example: Int
    /// The adapter's task that the example is routed by.
    public let route: Int
    /// What the random numbers of its rows are keyed by: the example's running number in the run, or a number of their
    /// own for rows that several share.
    public let ordinal: UInt64
    /// What those are keyed by that all rows of an example have in common: its ordinal or, where examples share rows,
    /// the ordinal of the first of them.
    public let draw: UInt64
    /// How many examples its rows stand for.
    public let exampleCount: Int
    /// The keys that its queries see; nil: those of its own rows.
    public let keys: KeyRanges?

    public init(
      example: Int, route: Int, ordinal: UInt64, draw: UInt64? = nil, exampleCount: Int = 1, keys: KeyRanges? = nil
    ) {
      (self.example, self.route, self.ordinal, self.keys) = (example, route, ordinal, keys)
      (self.draw, self.exampleCount) = (draw ?? ordinal, exampleCount)
    }
  }

  /// Where each segment starts; one more than there are segments.
  public private(set) var starts: [Int] = [0]
  /// Each row's position in its example, from 0.
  public private(set) var positions: [Int32] = []
  public private(set) var segments: [Segment] = []
  /// The largest of the positions; 0 without rows.
  public private(set) var largestPosition: Int32 = 0

  public init() {}

  public var count: Int { positions.count }

  /// The rows of one segment.
  public func range(of segment: Int) -> Range<Int> { starts[segment]..<starts[segment + 1] }

  /// Adds a segment with a row for each position.
  public mutating func append(positions newPositions: some Sequence<Int32>, _ segment: Segment) {
    positions.append(contentsOf: newPositions)
    for position in positions[starts[segments.count]...] { largestPosition = max(largestPosition, position) }
    segments.append(segment)
    starts.append(positions.count)
  }

  /// Takes all segments away and keeps the memory.
  mutating func removeAll() {
    starts.removeAll(keepingCapacity: true)
    starts.append(0)
    positions.removeAll(keepingCapacity: true)
    segments.removeAll(keepingCapacity: true)
    largestPosition = 0
  }

  /// Some of the segments alone, whose rows start at 0; what they see is left out.
  public func segments(_ range: Range<Int>) -> Rows {
    var part = Rows()
    for segment in range {
      let own = segments[segment]
      part.append(
        positions: positions[self.range(of: segment)],
        Segment(
          example: own.example, route: own.route, ordinal: own.ordinal, draw: own.draw,
          exampleCount: own.exampleCount))
    }
    return part
  }

  /// Neighbouring rows that stand for equally many examples, and for how many.
  public var shares: [(rows: Range<Int>, exampleCount: Int)] {
    segments.indices.reduce(into: []) { shares, place in
      let count = segments[place].exampleCount
      if let last = shares.last, last.exampleCount == count {
        shares[shares.count - 1].rows = last.rows.lowerBound..<range(of: place).upperBound
      } else {
        shares.append((range(of: place), count))
      }
    }
  }

  // MARK: What segments see

  /// The keys that each segment's queries see among these rows.
  var ownKeys: [KeyRanges] {
    segments.indices.map { segments[$0].keys ?? KeyRanges([range(of: $0)]) }
  }

  /// For each segment all rows of its example in another stream.
  func keys(in source: Rows) -> [KeyRanges] {
    var ranges: [Int: [Range<Int>]] = [:]
    for (place, segment) in source.segments.enumerated() {
      ranges[segment.example, default: []].append(source.range(of: place))
    }
    return segments.map { KeyRanges(ranges[$0.example] ?? []) }
  }
}

/// Rows whose keys the queries of a segment see: ranges that count as one sequence, each behind the one before.
///
/// Where attention is causal, the last keys are those of the segment's own rows, and a query sees what lies before and
/// its own. A prefix can be visible to all queries, wherever they stand (GLM's context).
public struct KeyRanges: Sendable, Equatable {
  public let ranges: [Range<Int>]
  /// How many of the first keys every query sees.
  public let visible: Int

  public init(_ ranges: [Range<Int>], visible: Int = 0) {
    (self.ranges, self.visible) = (ranges.filter { !$0.isEmpty }, visible)
    precondition((0...count).contains(visible), "\(visible) visible keys of \(count)")
  }

  public var count: Int { ranges.reduce(0) { $0 + $1.count } }

  /// The rows behind some of the keys, and where each of these ranges lies among them.
  func pieces(_ keys: Range<Int>) -> [(rows: Range<Int>, columns: Range<Int>)] {
    var start = 0
    return ranges.compactMap { range in
      defer { start += range.count }
      let part = keys.clamped(to: start..<start + range.count)
      guard !part.isEmpty else { return nil }
      let row = range.lowerBound + part.lowerBound - start, column = part.lowerBound - keys.lowerBound
      return (row..<row + part.count, column..<column + part.count)
    }
  }
}

extension [KeyRanges] {
  /// The segments' places in groups, in rising order: those that see a row in common are in one, directly or through
  /// others.
  var meeting: [[Int]] {
    let ranges = indices.flatMap { place in self[place].ranges.map { (place: place, rows: $0) } }
      .sorted { ($0.rows.lowerBound, $0.place) < ($1.rows.lowerBound, $1.place) }
    var groups = Groups(count)
    var reached: (end: Int, place: Int)?
    for (place, rows) in ranges {
      if let reached, rows.lowerBound < reached.end { groups.join(place, reached.place) }
      if rows.upperBound > reached?.end ?? 0 { reached = (rows.upperBound, place) }
    }
    return groups.members
  }

  /// Numbers that are put together step by step.
  private struct Groups {
    private var leaders: [Int]

    init(_ count: Int) { leaders = (0..<count).map { $0 } }

    private func leader(of number: Int) -> Int {
      var number = number
      while leaders[number] != number { number = leaders[number] }
      return number
    }

    /// The smallest number leads.
    mutating func join(_ first: Int, _ second: Int) {
      let (first, second) = (leader(of: first), leader(of: second))
      leaders[Swift.max(first, second)] = Swift.min(first, second)
    }

    var members: [[Int]] {
      let all = Dictionary(grouping: leaders.indices, by: leader)
      return all.keys.sorted().map { all[$0]! }
    }
  }
}
