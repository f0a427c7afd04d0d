import Tensors

/// The fixed binary tree in which the gradients of a batch's parts are added, whatever the number of ranks.
///
/// Node (level, index) is the sum of parts index · 2^level up to (index + 1) · 2^level: its left child plus its right
/// child, or its left child alone where the parts end. Parts lie on ranks in contiguous spans, so each rank can add up
/// the nodes that lie wholly within its span, and only their sums travel.
public struct ReductionTree: Sendable, Equatable {
  /// A partial sum's place in the tree.
  public struct Node: Sendable, Hashable {
    public let level: Int
    public let index: Int
  }

  public let partCount: Int
  public let rankCount: Int

  public init(partCount: Int, rankCount: Int) {
    precondition(partCount >= rankCount && rankCount > 0, "\(partCount) parts on \(rankCount) ranks")
    (self.partCount, self.rankCount) = (partCount, rankCount)
  }

  /// The parts that one rank computes.
  public func span(of rank: Int) -> Range<Int> {
    rank * partCount / rankCount..<(rank + 1) * partCount / rankCount
  }

  /// The parts that neighbouring ranks compute.
  func span(of ranks: Range<Int>) -> Range<Int> {
    span(of: ranks.lowerBound).lowerBound..<span(of: ranks.upperBound - 1).upperBound
  }

  /// The topmost node, the sum of all parts.
  public var root: Node { Node(level: levels(partCount), index: 0) }

  /// The parts under a node.
  public func parts(of node: Node) -> Range<Int> {
    node.index << node.level..<min((node.index + 1) << node.level, partCount)
  }

  /// The largest nodes within a rank's span, from left to right: the partial sums it sends.
  public func nodes(of rank: Int) -> [Node] { cover(root, span(of: rank)) }

  /// The largest nodes within the parts of neighbouring ranks, from left to right.
  func nodes(of ranks: Range<Int>) -> [Node] { cover(root, span(of: ranks)) }

  /// A node's children; one where the parts end, none at a single part.
  public func children(of node: Node) -> [Node] {
    guard node.level > 0 else { return [] }
    return [Node(level: node.level - 1, index: 2 * node.index), Node(level: node.level - 1, index: 2 * node.index + 1)]
      .filter { $0.index << $0.level < partCount }
  }

  private func cover(_ node: Node, _ span: Range<Int>) -> [Node] {
    let parts = parts(of: node)
    if parts.lowerBound >= span.lowerBound && parts.upperBound <= span.upperBound { return [node] }
    guard parts.overlaps(span) else { return [] }
    return children(of: node).flatMap { cover($0, span) }
  }

  private func levels(_ count: Int) -> Int { count <= 1 ? 0 : Int.bitWidth - (count - 1).leadingZeroBitCount }

  // MARK: Adding up

  /// Adds up partial sums in tree order, in their own memory: a left child takes its right neighbour's sum.
  ///
  /// - Parameters:
  ///   - count: Numbers of a sum.
  ///   - precision: What every sum is rounded to.
  ///   - known: Where the sums of nodes lie that are known; each way down from `node` leads to one.
  /// - Returns: Where the sum of `node` lies: in the memory of the leftmost of those under it.
  func add(
    _ node: Node, count: Int, roundedTo precision: Precision, _ known: (Node) -> UnsafeMutablePointer<Float>?
  ) -> UnsafeMutablePointer<Float> {
    if let sum = known(node) { return sum }
    let children = children(of: node)
    precondition(!children.isEmpty, "no sum of part \(node.index) is known")
    let left = add(children[0], count: count, roundedTo: precision, known)
    if children.count == 2 {
      left.add(add(children[1], count: count, roundedTo: precision, known), count: count, roundedTo: precision)
    }
    return left
  }
}
