import Testing

@testable import Training

struct RankGroupsTests {
  @Test func neighboursOfANodeAreAGroup() {
    let groups = RankGroups(firstRanks: [0, 0, 0, 3, 3, 5])
    #expect(groups.groups == [0..<3, 3..<5, 5..<6])
    #expect(groups.share && groups.columnCount == 1)
    #expect(groups.group(of: 4) == 3..<5)
    #expect((0..<6).map(groups.column) == [0, nil, nil, 0, nil, 0])
  }

  @Test func ranksOfANodeThatAreNoNeighboursAreSeparate() {
    for firstRanks in [[0, 1, 0, 1], [0, 0, 2, 0], [0, 1, 1, 0]] {
      let groups = RankGroups(firstRanks: firstRanks)
      #expect(groups == RankGroups(separate: 4))
      #expect(!groups.share && groups.columnCount == 1)
    }
  }

  @Test(arguments: [[0, 0, 0, 0], [0, 0, 2, 2], [0, 0, 0, 3, 3], [0, 1, 2]])
  func theColumnsOfANodeCoverEveryBucket(firstRanks: [Int]) {
    let groups = RankGroups(firstRanks: firstRanks)
    for places in [0..<0, 5..<6, 3..<1000] {
      for group in groups.groups {
        let pieces = group.map { groups.piece(of: places, rank: $0) }
        #expect(pieces.flatMap { Array($0) } == Array(places))
        // The same column has the same piece on every node.
        for rank in group where groups.column(of: rank) != nil {
          #expect(pieces[rank - group.lowerBound] == groups.piece(of: places, rank: rank - group.lowerBound))
        }
      }
    }
  }
}
