import MessagePassing
import Tensors

/// The sum over parts in the order of a ``ReductionTree``: the same bits for any number of ranks, whether the whole
/// buffer travels or only the ranges that are not zero, in one bucket or in many.
///
/// Each rank owns a slice of every bucket. MPI_Alltoallv brings it every rank's partial sums of its slice, it adds them
/// in tree order, and MPI_Allgatherv returns the slices. Bytes moved: those of a ring all-reduce, times the partial
/// sums a rank holds (one where parts and ranks are powers of two).
public final class OrderedReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let rank: Int
  private let tree: ReductionTree
  private var carried = GradientBuckets([])
  /// Nodes complete so far of this rank's span, left to right, and their sums over what travels.
  private var complete: [(node: ReductionTree.Node, sum: UnsafeMutablePointer<Float>)] = []
  private var spare: [UnsafeMutablePointer<Float>] = []
  private let exchange: OrderedExchange?
  /// While buckets leave: the memory that the last part's numbers go through, see ``climb(from:)``, and how many buckets
  /// have left.
  private var leaving: (chain: [UnsafeMutablePointer<Float>], count: Int)?

  public init(
    _ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, _ communicator: Communicator
  ) throws {
    (self.gradients, rank) = (gradients, communicator.rank)
    tree = ReductionTree(partCount: partCount, rankCount: communicator.size)
    exchange = communicator.size == 1 ? nil : try OrderedExchange(tree: tree, communicator)
  }

  deinit { for buffer in spare + complete.map(\.sum) { buffer.deallocate() } }

  public var reducedByteCount: Int { carried.byteCount }

  private var lastPart: Int { tree.span(of: rank).upperBound - 1 }

  public func begin(_ buckets: [[Range<Int>]]) throws {
    precondition(complete.isEmpty, "a step begins before the last one is finished")
    carried = GradientBuckets(buckets)
    try exchange?.begin(carried.buckets, gradients)
  }

  public func add(part: Int) throws {
    guard part < lastPart else { return try sendRest() }
    let chain = climb(from: part)
    for bucket in carried.buckets {
      take(bucket, through: chain)
      bucket.numbers.zero(gradients)
    }
    spare += chain.dropLast()
  }

  private func sendRest() throws {
    while (leaving?.count ?? 0) < carried.buckets.count { try sendBucket() }
  }

  public func sendBucket() throws {
    let (chain, count) = leaving ?? (climb(from: lastPart), 0)
    leaving = (chain, count + 1)
    take(carried.buckets[count], through: chain)
    try exchange?.send(complete.map(\.sum))
  }

  public func progress() throws { try exchange?.progress() }

  public func finish() throws {
    precondition(complete.map(\.node) == tree.nodes(of: rank), "a part of this rank's span was not added")
    if let exchange {
      try exchange.finish(gradients)
    } else {
      for bucket in carried.buckets {
        bucket.numbers.scatter(complete[0].sum + bucket.places.lowerBound, into: gradients)
      }
    }
    spare += (leaving?.chain.dropLast() ?? []) + complete.map(\.sum)
    leaving = nil
    complete.removeAll(keepingCapacity: true)
  }

  // MARK: The tree

  /// What a part's numbers go through: memory for themselves, then the sums of the nodes to their left that they
  /// complete, one after the other. The last of these holds a node of its own from now on.
  private func climb(from part: Int) -> [UnsafeMutablePointer<Float>] {
    let own = tree.nodes(of: rank)
    // Room for any step; the system gives memory only to what is used.
    var chain = [spare.popLast() ?? .allocate(capacity: max(gradients.count, 1))]
    var node = ReductionTree.Node(level: 0, index: part)
    while !own.contains(node) {
      let parent = ReductionTree.Node(level: node.level + 1, index: node.index / 2)
      if tree.children(of: parent).count == 2 {
        // A left child waits for its neighbour.
        guard node.index % 2 == 1, let left = complete.popLast() else { break }
        precondition(left.node.level == node.level && left.node.index == node.index - 1, "a part was left out")
        chain.append(left.sum)
      }
      node = parent
    }
    complete.append((node, chain[chain.count - 1]))
    return chain
  }

  /// Adds the part's numbers in a bucket to its chain's sums: left child plus right child.
  private func take(_ bucket: GradientBuckets.Bucket, through chain: [UnsafeMutablePointer<Float>]) {
    let start = bucket.places.lowerBound, count = bucket.numbers.count
    bucket.numbers.gather(gradients, into: chain[0] + start)
    for (right, left) in zip(chain, chain.dropFirst()) { (left + start).add(right + start, count: count) }
  }
}
