/// Sequences of tokens as a tree, in which what several of them begin with stands once.
///
/// Only sequences of one route share: what computes them is the same.
public struct PrefixTree: Sendable, Equatable {
  /// Tokens, and what computes them.
  public struct Sequence: Sendable {
    public let route: Int
    public let tokens: ArraySlice<Int32>
    /// How many of the tokens, from the first, may be shared.
    let shareableCount: Int

    /// - Parameter shareableCount: nil: all.
    public init(route: Int, tokens: ArraySlice<Int32>, shareableCount: Int? = nil) {
      (self.route, self.tokens, self.shareableCount) = (route, tokens, shareableCount ?? tokens.count)
    }

    /// How many tokens two sequences begin with alike, and may share.
    fileprivate func commonCount(_ other: Sequence) -> Int {
      guard route == other.route else { return 0 }
      let limit = min(shareableCount, other.shareableCount)
      return (0..<limit).first { tokens[tokens.startIndex + $0] != other.tokens[other.tokens.startIndex + $0] } ?? limit
    }

    fileprivate func precedes(_ other: Sequence) -> Bool {
      route != other.route ? route < other.route : tokens.lexicographicallyPrecedes(other.tokens)
    }
  }

  /// Tokens that several sequences have at the same positions, behind what their parent has.
  public struct Node: Sendable, Equatable {
    /// Its place among ``PrefixTree/nodes``; nil: the positions are the first.
    public let parent: Int?
    /// Positions in the sequences.
    public let positions: Range<Int>
    /// The sequences that share it, in rising order.
    public let sequences: [Int]
  }

  /// Parents before children.
  public private(set) var nodes: [Node] = []
  /// The deepest node of each sequence; nil: it shares nothing.
  public private(set) var places: [Int?]
  /// The tokens of each sequence behind its deepest node.
  public private(set) var ownCounts: [Int]

  /// Positions of a node at least: fewer, such as a token that begins every text, are not worth the cuts.
  static let leastLength = 4

  public init(_ sequences: [Sequence]) {
    places = Array(repeating: nil, count: sequences.count)
    ownCounts = sequences.map(\.tokens.count)
    let order = sequences.indices.sorted { first, second in
      sequences[first].precedes(sequences[second])
        || !sequences[second].precedes(sequences[first]) && first < second
    }
    // What each has in common with the one before it.
    let common = order.indices.map { $0 == 0 ? 0 : sequences[order[$0 - 1]].commonCount(sequences[order[$0]]) }
    grow(order.indices, behind: nil, from: 0, order, common)
    for (place, node) in places.enumerated() { ownCounts[place] -= node.map { nodes[$0].positions.upperBound } ?? 0 }
  }

  /// Tokens of all sequences, each counted once where it is shared.
  public var computedCount: Int { nodes.reduce(ownCounts.reduce(0, +)) { $0 + $1.positions.count } }

  /// The node that a sequence begins with; nil: it shares nothing.
  func root(of sequence: Int) -> Int? { path(to: sequence).last }

  /// The nodes of a sequence, from the deepest up.
  public func path(to sequence: Int) -> [Int] {
    var path: [Int] = [], place = places[sequence]
    while let node = place {
      path.append(node)
      place = nodes[node].parent
    }
    return path
  }

  /// Tokens of some of the sequences, each counted once where they share it.
  func computedCount(of sequences: [Int]) -> Int {
    var seen: Set<Int> = []
    var count = 0
    for sequence in sequences {
      count += ownCounts[sequence]
      for node in path(to: sequence) where seen.insert(node).inserted { count += nodes[node].positions.count }
    }
    return count
  }

  /// Neighbouring sequences put together while the tokens that they compute, and those whose output they read, stay
  /// within `limit`.
  ///
  /// - Parameter readCounts: Of each sequence; what several share each of them reads by itself.
  public func runs(limit: Int, readCounts: [Int]) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    var count = 0, readCount = 0, seen: Set<Int> = []
    for place in places.indices {
      // The nodes that the run does not have yet.
      func added() -> [Int] { path(to: place).filter { !seen.contains($0) } }
      func cost(_ nodes: [Int]) -> Int { nodes.reduce(ownCounts[place]) { $0 + self.nodes[$1].positions.count } }
      var new = added()
      if let last = runs.last, max(count + cost(new), readCount + readCounts[place]) <= limit {
        runs[runs.count - 1] = last.lowerBound..<place + 1
      } else {
        runs.append(place..<place + 1)
        (count, readCount, seen) = (0, 0, [])
        new = added()
      }
      count += cost(new)
      readCount += readCounts[place]
      seen.formUnion(new)
    }
    return runs
  }

  /// Adds the nodes of neighbours in the order, which have the first `depth` tokens in common as nodes have them.
  private mutating func grow(
    _ range: Range<Int>, behind parent: Int?, from depth: Int, _ order: [Int], _ common: [Int]
  ) {
    guard range.count > 1 else { return }
    let length = common[range.dropFirst()].min()!
    var (parent, depth) = (parent, depth)
    if length - depth >= Self.leastLength {
      let members = order[range].sorted()
      nodes.append(Node(parent: parent, positions: depth..<length, sequences: members))
      (parent, depth) = (nodes.count - 1, length)
      for member in members { places[member] = parent }
    }
    var start = range.lowerBound
    for end in range.dropFirst() where common[end] == length {
      grow(start..<end, behind: parent, from: depth, order, common)
      start = end
    }
    grow(start..<range.upperBound, behind: parent, from: depth, order, common)
  }
}
