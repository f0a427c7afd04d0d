import CKernels
import MessagePassing

/// The sum over parts in the order of a ``ReductionTree``: the same bits for any number of ranks.
///
/// Each rank owns a slice of the buffer. MPI_Alltoallv brings it every rank's partial sums of its slice, it adds them in
/// tree order, and MPI_Allgatherv returns the slices. Bytes moved: those of a ring all-reduce, times the partial sums a
/// rank holds (one where parts and ranks are powers of two).
public final class OrderedReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator
  private let tree: ReductionTree
  /// Nodes complete so far of this rank's span, left to right, and their sums.
  private var complete: [(node: ReductionTree.Node, sum: UnsafeMutableBufferPointer<Float>)] = []
  private var spare: [UnsafeMutableBufferPointer<Float>] = []
  private let exchange: Exchange?

  public init(
    _ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, _ communicator: Communicator
  ) throws {
    (self.gradients, self.communicator) = (gradients, communicator)
    tree = ReductionTree(partCount: partCount, rankCount: communicator.size)
    exchange = communicator.size == 1
      ? nil : try Exchange(tree: tree, count: gradients.count, rank: communicator.rank)
  }

  deinit { for buffer in spare + complete.map(\.sum) { buffer.deallocate() } }

  public func add(part: Int) {
    let own = tree.nodes(of: communicator.rank)
    let buffer = spare.popLast() ?? .allocate(capacity: gradients.count)
    _ = buffer.update(from: gradients)
    gradients.update(repeating: 0)
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
    ck_add(gradients.count, right.sum.baseAddress!, left.sum.baseAddress!)
    spare.append(right.sum)
    complete.append((parent, left.sum))
    return true
  }

  public func finish() throws {
    precondition(
      complete.map(\.node) == tree.nodes(of: communicator.rank), "a part of this rank's span was not added")
    if let exchange {
      try exchange.run(complete.map { UnsafeBufferPointer($0.sum) }, into: gradients, communicator)
    } else {
      _ = gradients.update(from: complete[0].sum)
    }
    spare += complete.map(\.sum)
    complete.removeAll(keepingCapacity: true)
  }
}

/// The two collectives of an ordered reduction and their buffers.
private final class Exchange {
  private let tree: ReductionTree
  /// Each rank's slice of the buffer.
  private let slices: BlockLayout
  private let sendLayout, receiveLayout: BlockLayout
  /// Partial sums packed by destination; not needed when there is one.
  private let packed: UnsafeMutableBufferPointer<Float>?
  private let received: UnsafeMutableBufferPointer<Float>
  /// Where each node's numbers start in `received`.
  private var offsets: [ReductionTree.Node: Int] = [:]
  private let ownSlice: Range<Int>

  init(tree: ReductionTree, count: Int, rank: Int) throws {
    self.tree = tree
    let ranks = tree.rankCount
    let lengths = (0..<ranks).map { (($0 + 1) * count / ranks) - ($0 * count / ranks) }
    let nodes = (0..<ranks).map { tree.nodes(of: $0) }
    slices = try BlockLayout(counts: lengths)
    ownSlice = slices.range(of: rank)
    sendLayout = try BlockLayout(counts: lengths.map { $0 * nodes[rank].count })
    receiveLayout = try BlockLayout(counts: nodes.map { $0.count * lengths[rank] })
    packed = nodes[rank].count > 1 ? .allocate(capacity: nodes[rank].count * count) : nil
    received = .allocate(capacity: max(receiveLayout.elementCount, 1))
    for (position, node) in nodes.joined().enumerated() { offsets[node] = position * lengths[rank] }
  }

  deinit {
    packed?.deallocate()
    received.deallocate()
  }

  func run(
    _ sums: [UnsafeBufferPointer<Float>], into result: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator
  ) throws {
    var outgoing = sums[0]
    if let packed {
      pack(sums, into: packed)
      outgoing = UnsafeBufferPointer(packed)
    }
    let incoming = UnsafeMutableBufferPointer(rebasing: received[0..<receiveLayout.elementCount])
    try communicator.allToAllV(outgoing, sendLayout, into: incoming, receiveLayout)
    if !ownSlice.isEmpty {
      let total = add(tree.root)
      (result.baseAddress! + ownSlice.lowerBound).update(from: total, count: ownSlice.count)
    }
    try communicator.allGatherV(inPlace: result, slices)
  }

  private func pack(_ sums: [UnsafeBufferPointer<Float>], into packed: UnsafeMutableBufferPointer<Float>) {
    var target = packed.baseAddress!
    for rank in 0..<tree.rankCount {
      let slice = slices.range(of: rank)
      for sum in sums {
        target.update(from: sum.baseAddress! + slice.lowerBound, count: slice.count)
        target += slice.count
      }
    }
  }

  /// The sum of a node, added in place into its leftmost received partial sum.
  private func add(_ node: ReductionTree.Node) -> UnsafeMutablePointer<Float> {
    if let offset = offsets[node] { return received.baseAddress! + offset }
    let children = tree.children(of: node)
    let left = add(children[0])
    if children.count == 2 { ck_add(ownSlice.count, add(children[1]), left) }
    return left
  }
}
