import MessagePassing
import Tensors

/// The sum over parts in the order of a ``ReductionTree``: the same bits for any number of ranks, whether the whole
/// buffer travels or only the ranges that are not zero.
///
/// Each rank owns a slice of what travels. MPI_Alltoallv brings it every rank's partial sums of its slice, it adds them
/// in tree order, and MPI_Allgatherv returns the slices. Bytes moved: those of a ring all-reduce, times the partial
/// sums a rank holds (one where parts and ranks are powers of two).
public final class OrderedReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator
  private let tree: ReductionTree
  private var carried = GradientRanges([])
  /// Nodes complete so far of this rank's span, left to right, and their sums over what travels.
  private var complete: [(node: ReductionTree.Node, sum: UnsafeMutablePointer<Float>)] = []
  private var spare: [UnsafeMutablePointer<Float>] = []
  private let exchange: Exchange?

  public init(
    _ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, _ communicator: Communicator
  ) throws {
    (self.gradients, self.communicator) = (gradients, communicator)
    tree = ReductionTree(partCount: partCount, rankCount: communicator.size)
    exchange =
      communicator.size == 1
      ? nil : try Exchange(tree: tree, capacity: gradients.count, rank: communicator.rank)
  }

  deinit { for buffer in spare + complete.map(\.sum) { buffer.deallocate() } }

  public var reducedByteCount: Int { carried.byteCount }

  public func begin(_ ranges: [Range<Int>]) throws {
    precondition(complete.isEmpty, "a step begins before the last one is finished")
    carried = GradientRanges(ranges)
    try exchange?.fit(carried.count)
  }

  public func add(part: Int) {
    let own = tree.nodes(of: communicator.rank)
    // Room for any step; the system gives memory only to what is used.
    let buffer = spare.popLast() ?? .allocate(capacity: max(gradients.count, 1))
    carried.gather(gradients, into: buffer)
    carried.zero(gradients)
    complete.append((ReductionTree.Node(level: 0, index: part), buffer))
    while let last = complete.last, !own.contains(last.node) { guard climb(last.node) else { return } }
  }

  /// Replaces the newest node by its parent if the parent's children are all there.
  private func climb(_ node: ReductionTree.Node) -> Bool {
    let parent = ReductionTree.Node(level: node.level + 1, index: node.index / 2)
    let children = tree.children(of: parent)
    guard complete.count >= children.count, complete.suffix(children.count).map(\.node) == children else {
      return false
    }
    let right = complete.removeLast()
    guard children.count == 2 else {
      complete.append((parent, right.sum))
      return true
    }
    let left = complete.removeLast()
    left.sum.add(right.sum, count: carried.count)
    spare.append(right.sum)
    complete.append((parent, left.sum))
    return true
  }

  public func finish() throws {
    precondition(
      complete.map(\.node) == tree.nodes(of: communicator.rank), "a part of this rank's span was not added")
    let sums = complete.map(\.sum)
    if let exchange, let piece = carried.piece(of: gradients)?.baseAddress {
      try exchange.run(sums, into: piece, communicator)
    } else {
      // All partial sums have been sent by the time the result comes: the first one's memory can take it.
      try exchange?.run(sums, into: sums[0], communicator)
      carried.scatter(sums[0], into: gradients)
    }
    spare += sums
    complete.removeAll(keepingCapacity: true)
  }
}

/// The two collectives of an ordered reduction and their buffers.
private final class Exchange {
  private let tree: ReductionTree
  private let rank: Int
  /// The nodes each rank sends.
  private let nodes: [[ReductionTree.Node]]
  /// Each node's place among all ranks'.
  private let positions: [ReductionTree.Node: Int]
  /// Partial sums packed by destination; not needed when there is one.
  private let packed: UnsafeMutablePointer<Float>?
  private let received: UnsafeMutablePointer<Float>
  private var layout: Layout

  /// Who sends what, for one count of numbers that travel.
  private struct Layout {
    let count: Int
    /// Each rank's slice of what travels.
    let slices: BlockLayout
    let send, receive: BlockLayout
    let ownSlice: Range<Int>

    init(_ count: Int, _ nodes: [[ReductionTree.Node]], rank: Int) throws {
      let ranks = nodes.count
      let lengths = (0..<ranks).map { (($0 + 1) * count / ranks) - ($0 * count / ranks) }
      self.count = count
      slices = try BlockLayout(counts: lengths)
      send = try BlockLayout(counts: lengths.map { $0 * nodes[rank].count })
      receive = try BlockLayout(counts: nodes.map { $0.count * lengths[rank] })
      ownSlice = slices.range(of: rank)
    }
  }

  /// - Parameter capacity: Numbers that travel at most.
  init(tree: ReductionTree, capacity: Int, rank: Int) throws {
    (self.tree, self.rank) = (tree, rank)
    nodes = (0..<tree.rankCount).map { tree.nodes(of: $0) }
    positions = Dictionary(uniqueKeysWithValues: nodes.joined().enumerated().map { ($1, $0) })
    layout = try Layout(0, nodes, rank: rank)
    packed = nodes[rank].count > 1 ? .allocate(capacity: max(nodes[rank].count * capacity, 1)) : nil
    let longestSlice = (capacity + tree.rankCount - 1) / tree.rankCount
    received = .allocate(capacity: max(positions.count * longestSlice, 1))
  }

  deinit {
    packed?.deallocate()
    received.deallocate()
  }

  /// Prepares for `count` numbers.
  func fit(_ count: Int) throws {
    if layout.count != count { layout = try Layout(count, nodes, rank: rank) }
  }

  /// - Parameter result: May be the memory of the first of `sums`.
  func run(
    _ sums: [UnsafeMutablePointer<Float>], into result: UnsafeMutablePointer<Float>, _ communicator: Communicator
  ) throws {
    if let packed { pack(sums, into: packed) }
    let outgoing = UnsafeBufferPointer(start: packed ?? sums[0], count: layout.send.elementCount)
    let incoming = UnsafeMutableBufferPointer(start: received, count: layout.receive.elementCount)
    try communicator.allToAllV(outgoing, layout.send, into: incoming, layout.receive)
    if !layout.ownSlice.isEmpty {
      (result + layout.ownSlice.lowerBound).copy(add(tree.root), count: layout.ownSlice.count)
    }
    try communicator.allGatherV(inPlace: UnsafeMutableBufferPointer(start: result, count: layout.count), layout.slices)
  }

  private func pack(_ sums: [UnsafeMutablePointer<Float>], into packed: UnsafeMutablePointer<Float>) {
    var target = packed
    for rank in 0..<tree.rankCount {
      let slice = layout.slices.range(of: rank)
      for sum in sums {
        target.copy(sum + slice.lowerBound, count: slice.count)
        target += slice.count
      }
    }
  }

  /// The sum of a node, added in place into its leftmost received partial sum.
  private func add(_ node: ReductionTree.Node) -> UnsafeMutablePointer<Float> {
    if let position = positions[node] { return received + position * layout.ownSlice.count }
    let children = tree.children(of: node)
    let left = add(children[0])
    if children.count == 2 { left.add(add(children[1]), count: layout.ownSlice.count) }
    return left
  }
}
