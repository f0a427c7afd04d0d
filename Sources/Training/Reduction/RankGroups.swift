import MessagePassing

/// The ranks of a reduction by the memory that they share: a group a node, or every rank by itself where the ranks of a
/// node are not neighbours, so that no part of the tree is theirs alone.
struct RankGroups: Equatable {
  /// Neighbouring ranks, in order.
  let groups: [Range<Int>]

  /// - Parameter firstRanks: Of each rank the first one of its node.
  init(firstRanks: [Int]) {
    var starts: [Int] = []
    for (rank, first) in firstRanks.enumerated() {
      if first == rank {
        starts.append(rank)
      } else if first != starts.last {
        self = Self(separate: firstRanks.count)
        return
      }
    }
    groups = zip(starts, starts.dropFirst() + [firstRanks.count]).map { $0..<$1 }
  }

  /// Every rank by itself.
  init(separate rankCount: Int) { groups = (0..<rankCount).map { $0..<$0 + 1 } }

  /// Collective.
  ///
  /// - Parameter node: The ranks of this rank's node.
  init(_ communicator: Communicator, node: Communicator) throws(MPIError) {
    let first = try node.broadcast(Int64(communicator.rank))
    self.init(firstRanks: try communicator.allGather(first).map { Int($0) })
  }

  /// Whether any ranks share memory.
  var share: Bool { groups.contains { $0.count > 1 } }
  /// Pieces that every bucket is cut in between groups, each carried by one rank of every group: as many as the smallest
  /// group has.
  var columnCount: Int { groups.map(\.count).min() ?? 1 }

  func group(of rank: Int) -> Range<Int> { groups.first { $0.contains(rank) } ?? rank..<rank + 1 }

  /// The piece that a rank adds up and carries; nil: none.
  func column(of rank: Int) -> Int? {
    let place = rank - group(of: rank).lowerBound
    return place < columnCount ? place : nil
  }

  /// The rank's piece of what lies at `places`.
  func piece(of places: Range<Int>, rank: Int) -> Range<Int> {
    guard let column = column(of: rank) else { return places.lowerBound..<places.lowerBound }
    let bounds = [column, column + 1].map { places.lowerBound + $0 * places.count / columnCount }
    return bounds[0]..<bounds[1]
  }
}
