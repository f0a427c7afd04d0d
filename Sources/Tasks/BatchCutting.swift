/// Cuts a batch into parts of near-equal work: tokens that are computed.
///
/// Examples that begin alike cost less in one part than in several, and parts cost least time when they are alike, so
/// one is weighed against the other. Everything is decided by the batch alone, never by the ranks.
struct BatchCutting {
  let partCount: Int

  /// The places of a batch's examples in each part, in rising order: the longest first, each onto the lightest part
  /// (the earlier one of equals).
  func parts(lengths: [Int]) -> [[Int]] {
    var parts = Array(repeating: [Int](), count: partCount), loads = Array(repeating: 0, count: partCount)
    for place in lengths.indices.sorted(by: { (lengths[$0], $1) > (lengths[$1], $0) }) {
      let part = loads.indices.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
      parts[part].append(place)
      loads[part] += lengths[place]
    }
    return parts.map { $0.sorted() }
  }

  /// The same where examples share what they begin with; those that do are neighbours.
  func parts(_ tree: PrefixTree) -> [[Int]] {
    guard !tree.nodes.isEmpty else { return parts(lengths: tree.ownCounts) }
    let even = Double(tree.computedCount) / Double(partCount)
    // A family may be so many times as long as an even part before it is cut.
    let trials = [1, 1.15, 1.3, 1.5, 2, 3, .infinity].map { deal(tree, limit: even * $0) }
    // The longest part is what many ranks wait for, the sum what one has to do.
    let best = trials.min { $0.longest * partCount + $0.total < $1.longest * partCount + $1.total }!
    func first(_ place: Int) -> Int { tree.root(of: place).map { tree.nodes[$0].sequences[0] } ?? place }
    return spread(best.parts, best.loads).map { $0.sorted { (first($0), $0) < (first($1), $1) } }
  }

  /// Parts, and the tokens that each computes.
  private struct Dealt {
    var parts: [[Int]]
    var loads: [Int]

    var longest: Int { loads.max() ?? 0 }
    var total: Int { loads.reduce(0, +) }
  }

  /// Some examples of one family, or one that has none.
  private struct Piece {
    let root: Int?
    let members: [Int]
    let load: Int
  }

  private func deal(_ tree: PrefixTree, limit: Double) -> Dealt {
    let families = tree.nodes.indices.filter { tree.nodes[$0].parent == nil }
    let alone = tree.places.indices.filter { tree.places[$0] == nil }
    let pieces =
      families.flatMap { cut(family: $0, tree, limit: limit) }
      + alone.map { Piece(root: nil, members: [$0], load: tree.ownCounts[$0]) }
    var dealt = Dealt(
      parts: Array(repeating: [], count: partCount), loads: Array(repeating: 0, count: partCount))
    var roots = Array(repeating: Set<Int>(), count: partCount)
    for piece in pieces.sorted(by: { ($0.load, $1.members[0]) > ($1.load, $0.members[0]) }) {
      // What the part has of the family already is not computed again.
      func added(to part: Int) -> Int {
        guard let root = piece.root, roots[part].contains(root) else { return piece.load }
        return piece.load - tree.nodes[root].positions.count
      }
      let part = dealt.loads.indices.min {
        (dealt.loads[$0] + added(to: $0), $0) < (dealt.loads[$1] + added(to: $1), $1)
      }!
      dealt.loads[part] += added(to: part)
      dealt.parts[part] += piece.members
      if let root = piece.root { roots[part].insert(root) }
    }
    return dealt
  }

  /// A family in as few pieces as stay within the limit, those that share most side by side.
  private func cut(family root: Int, _ tree: PrefixTree, limit: Double) -> [Piece] {
    let members = tree.nodes[root].sequences.sorted { (tree.places[$0]!, $0) < (tree.places[$1]!, $1) }
    let total = members.reduce(0) { $0 + tree.ownCounts[$1] + 1 }
    // No piece is shorter than a member by itself, and none has less than the beginning.
    let limit = max(limit, Double(members.reduce(0) { max($0, tree.computedCount(of: [$1])) }))
    let room = limit - Double(tree.nodes[root].positions.count), least = (Double(total) / max(room, 1) / 2).rounded(.up)
    for count in max(1, Int(min(least, Double(members.count))))...members.count {
      var runs = Array(repeating: [Int](), count: count), before = 0
      for member in members {
        let own = tree.ownCounts[member] + 1
        runs[(2 * before + own) * count / (2 * total)].append(member)
        before += own
      }
      let pieces = runs.filter { !$0.isEmpty }.map {
        Piece(root: root, members: $0, load: tree.computedCount(of: $0))
      }
      if count == members.count || pieces.allSatisfy({ Double($0.load) <= limit }) { return pieces }
    }
    preconditionFailure("a family without members")
  }

  /// Parts in such an order that neighbours, which one rank computes, come to much the same.
  private func spread(_ parts: [[Int]], _ loads: [Int]) -> [[Int]] {
    func arrange(_ sorted: [Int]) -> [Int] {
      guard sorted.count > 2 else { return sorted }
      var halves: [[Int]] = [[], []], sums = [0, 0]
      let room = [(sorted.count + 1) / 2, sorted.count / 2]
      for part in sorted {
        let half = halves[0].count < room[0] && (sums[0] <= sums[1] || halves[1].count == room[1]) ? 0 : 1
        halves[half].append(part)
        sums[half] += loads[part]
      }
      return arrange(halves[0]) + arrange(halves[1])
    }
    return arrange(loads.indices.sorted { (loads[$0], $1) > (loads[$1], $0) }).map { parts[$0] }
  }
}
