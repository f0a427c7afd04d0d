import Testing

@testable import Training

/// Every number of parts with every number of ranks up to eight.
private let pairs = (1...17).flatMap { parts in (1...min(parts, 8)).map { (parts, $0) } }

/// The sum of `values` by neighbours: pairs, pairs of pairs, and so on; one left over goes up alone.
func neighbourSum<Value>(_ values: [Value], _ add: (Value, Value) -> Value) -> Value {
  var level = values
  while level.count > 1 {
    level = stride(from: 0, to: level.count, by: 2).map { index in
      index + 1 < level.count ? add(level[index], level[index + 1]) : level[index]
    }
  }
  return level[0]
}

struct ReductionTreeTests {
  @Test(arguments: pairs) func spansAndNodesCoverTheParts(partCount: Int, rankCount: Int) {
    let tree = ReductionTree(partCount: partCount, rankCount: rankCount)
    #expect((0..<rankCount).flatMap { Array(tree.span(of: $0)) } == Array(0..<partCount))
    #expect(tree.parts(of: tree.root) == 0..<partCount)
    for rank in 0..<rankCount {
      let span = tree.span(of: rank)
      #expect(!span.isEmpty)
      #expect(span.count - partCount / rankCount <= 1)  // no rank has two parts more than another
      #expect(tree.nodes(of: rank).flatMap { Array(tree.parts(of: $0)) } == Array(span))
    }
  }

  @Test(arguments: pairs) func childrenShareTheirParentsParts(partCount: Int, rankCount: Int) {
    let tree = ReductionTree(partCount: partCount, rankCount: rankCount)
    var open = [tree.root]
    while let node = open.popLast() {
      let children = tree.children(of: node)
      #expect(children.isEmpty == (node.level == 0))
      if !children.isEmpty { #expect(children.flatMap { Array(tree.parts(of: $0)) } == Array(tree.parts(of: node))) }
      open += children
    }
  }

  @Test(arguments: [2, 4, 8, 16], [1, 2, 4, 8]) func powersOfTwoSendOneSumARank(partCount: Int, rankCount: Int) {
    guard rankCount <= partCount else { return }
    let tree = ReductionTree(partCount: partCount, rankCount: rankCount)
    #expect((0..<rankCount).allSatisfy { tree.nodes(of: $0).count == 1 })
  }

  /// The ranks one after the other: each adds its own nodes, then their sums are added in tree order.
  @Test(arguments: pairs) func theSumHasTheSameBitsForAnyRankCount(partCount: Int, rankCount: Int) {
    // Numbers of very different size, so that any other order would round differently.
    let sizes: [Float] = [1e6, -1, 1e-3]
    let parts = (0..<partCount).map { part -> Float in Float(1 + part) * sizes[part % 3] / 7 }
    let tree = ReductionTree(partCount: partCount, rankCount: rankCount)
    var sent: [ReductionTree.Node: Float] = [:]
    func sum(_ node: ReductionTree.Node) -> Float {
      if let known = sent[node] { return known }
      if node.level == 0 { return parts[node.index] }
      let children = tree.children(of: node)
      return children.count == 2 ? sum(children[0]) + sum(children[1]) : sum(children[0])
    }
    for rank in 0..<rankCount { for node in tree.nodes(of: rank) { sent[node] = sum(node) } }
    #expect(sum(tree.root).bitPattern == neighbourSum(parts, +).bitPattern)
  }

  @Test func theOrderMatters() {
    let parts: [Float] = [1e8, 1, -1e8, 1]
    #expect(neighbourSum(parts, +) != parts.reduce(0, +))
  }
}
