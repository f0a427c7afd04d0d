import Testing

@testable import Tasks

/// Common beginnings of sequences, and batches cut by what they compute.
struct PrefixTreeTests {
  private func sequences(_ tokens: [[Int32]], routes: [Int]? = nil) -> [PrefixTree.Sequence] {
    tokens.enumerated().map { PrefixTree.Sequence(route: routes?[$0] ?? 0, tokens: $1[...]) }
  }

  @Test func whatSeveralBeginWithStandsOnce() {
    let tree = PrefixTree(
      sequences([[1, 2, 3, 4, 5, 6], [9, 9], [1, 2, 3, 4, 7], [1, 2, 3, 4, 5, 6, 8], [1, 2, 3, 4]]))
    #expect(
      tree.nodes == [
        .init(parent: nil, positions: 0..<4, sequences: [0, 2, 3, 4])
      ])
    #expect(tree.places == [0, nil, 0, 0, 0] && tree.ownCounts == [2, 2, 1, 3, 0] && tree.computedCount == 12)
  }

  @Test func beginningsNest() {
    let long: [Int32] = [1, 2, 3, 4, 5, 6, 7, 8]
    let tree = PrefixTree(sequences([long + [1], long + [2, 3], [1, 2, 3, 4, 9], [1, 2, 3, 4, 10]]))
    #expect(
      tree.nodes == [
        .init(parent: nil, positions: 0..<4, sequences: [0, 1, 2, 3]),
        .init(parent: 0, positions: 4..<8, sequences: [0, 1]),
      ])
    #expect(tree.places == [1, 1, 0, 0] && tree.ownCounts == [1, 2, 1, 1] && tree.computedCount == 13)
    #expect(tree.computedCount(of: [0, 2]) == 8 + 1 + 1 && tree.root(of: 1) == 0)
    let none = [0, 0, 0, 0]
    #expect(tree.runs(limit: 11, readCounts: none) == [0..<2, 2..<4])
    #expect(tree.runs(limit: 100, readCounts: none) == [0..<4])
    // What is read is not shared.
    #expect(tree.runs(limit: 100, readCounts: [60, 40, 1, 1]) == [0..<2, 2..<4])
  }

  @Test func routesShareNothing() {
    let tree = PrefixTree(sequences([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]], routes: [0, 1]))
    #expect(tree.nodes.isEmpty && tree.computedCount == 10)
  }

  @Test func littleIsNotWorthACut() {
    #expect(PrefixTree(sequences([[1, 2, 3, 4], [1, 2, 3, 5]])).nodes.isEmpty)
    #expect(PrefixTree(sequences((0..<9).map { [1, 2, 3, 10 + $0] })).nodes.isEmpty)
    #expect(PrefixTree(sequences([[1, 2, 3, 4], [1, 2, 3, 4]])).nodes.count == 1)
  }

  @Test func endsMayBeKeptApart() {
    let tokens: [Int32] = [1, 2, 3, 4, 5, 6]
    let tree = PrefixTree((0..<2).map { _ in PrefixTree.Sequence(route: 0, tokens: tokens[...], shareableCount: 5) })
    #expect(tree.ownCounts == [1, 1] && tree.nodes[0].positions == 0..<5)
  }

  // MARK: Cutting

  /// Families of a long beginning and short ends.
  private func families(_ counts: [Int], beginning: Int, end: Int) -> PrefixTree {
    PrefixTree(
      counts.enumerated().flatMap { family, count in
        (0..<count).map { member in
          let own = (0..<end).map { Int32(1000 + 100 * member + $0) }
          return PrefixTree.Sequence(
            route: family, tokens: (Array(repeating: Int32(family), count: beginning) + own)[...])
        }
      })
  }

  @Test(arguments: [1, 2, 3, 4, 8]) func everyExampleIsInOnePart(partCount: Int) {
    let tree = families([5, 1, 3, 4, 2], beginning: 30, end: 8)
    let parts = BatchCutting(partCount: partCount).parts(tree)
    #expect(parts.count == partCount && parts.joined().sorted() == Array(0..<15))
    let loads = parts.map { tree.computedCount(of: $0) }
    let plainCount = tree.ownCounts.reduce(0, +) + 30 * 14
    #expect(loads.reduce(0, +) < plainCount)
    // No part is much longer than the longest family or an even share.
    let limit = max(2 * tree.computedCount / partCount, 30 + 5 * 8)
    #expect(loads.max()! <= limit)
  }

  @Test func familiesStayTogetherWhereThatIsCheaper() {
    let tree = families([4, 4, 4, 4], beginning: 50, end: 5)
    let parts = BatchCutting(partCount: 2).parts(tree)
    #expect(parts.map { tree.computedCount(of: $0) } == [140, 140])
    #expect(parts.allSatisfy { $0.count == 8 })
  }

  @Test func aFamilyThatIsTooLongIsCut() {
    let tree = families([16], beginning: 4, end: 50)
    let loads = BatchCutting(partCount: 4).parts(tree).map { tree.computedCount(of: $0) }
    #expect(loads == [204, 204, 204, 204])
  }

  /// Not even one of them stays within an even part: they stay together as far as that is shorter.
  @Test func aFamilyWhoseBeginningIsLongerThanAPartStaysTogether() {
    let tree = families([40], beginning: 600, end: 5)
    let loads = BatchCutting(partCount: 16).parts(tree).map { tree.computedCount(of: $0) }
    #expect(loads.max()! <= 800 && loads.reduce(0, +) < 16 * 620)
  }

  @Test func withoutFamiliesPartsAreThoseOfLengths() {
    let tree = PrefixTree(sequences([[1], [2, 3], [4, 5, 6], [7, 8]]))
    let cutting = BatchCutting(partCount: 3)
    #expect(cutting.parts(tree) == cutting.parts(lengths: [1, 2, 3, 2]))
  }

  @Test func neighbouringPartsComeToMuchTheSame() {
    let tree = families([8, 1, 6, 1, 4, 1, 2, 1], beginning: 40, end: 4)
    let loads = BatchCutting(partCount: 8).parts(tree).map { tree.computedCount(of: $0) }
    // Within a quarter: the longest part is as long as three of the shortest.
    let halves = [loads[..<4].reduce(0, +), loads[4...].reduce(0, +)]
    #expect(Double(halves.max()!) <= 1.25 * Double(halves.min()!))
  }
}
