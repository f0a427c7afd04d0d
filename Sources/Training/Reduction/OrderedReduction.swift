import MessagePassing
import Tensors

/// The sum over parts in the order of a ``ReductionTree``: the same bits for any number of ranks on any hosts, whether
/// the whole buffer travels or only the ranges that are not zero, in one bucket or in many.
///
/// The ranks of a node add up in memory that they share. Between nodes, each owns a slice of every bucket:
/// MPI_Alltoallv brings it every node's partial sums of its slice, it adds them in tree order, and MPI_Allgatherv returns
/// the slices. Bytes moved: those of a ring all-reduce, times the partial sums a node holds (one where its parts are a
/// node of the tree, as when parts and ranks are powers of two).
///
/// In bf16 every node of the tree is rounded, the parts' own gradients too, whatever the ranks: what travels is the sum
/// itself, in half the bytes.
public final class OrderedReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let tree: ReductionTree
  private let precision: Precision
  private let sums: PartialSums
  /// The parts of this rank, and the nodes of the tree that it has the sums of.
  private let span: Range<Int>
  private let ownNodes: [ReductionTree.Node]
  private var carried = GradientBuckets([])
  /// Memory for the sums of ``ownNodes`` over what travels.
  private var ownSums: [UnsafeMutablePointer<Float>] = []
  /// Nodes complete so far of this rank's span, left to right, and their sums.
  private var complete: [(node: ReductionTree.Node, sum: UnsafeMutablePointer<Float>)] = []
  private var spare: [UnsafeMutablePointer<Float>] = []
  /// While buckets leave: the memory that the last part's numbers go through, see ``climb(from:)``, and how many buckets
  /// have left.
  private var leaving: (chain: [UnsafeMutablePointer<Float>], count: Int)?

  /// Collective.
  ///
  /// - Parameter precision: What every sum is rounded to.
  public convenience init(
    _ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, precision: Precision = .fp32,
    _ communicator: Communicator
  ) throws {
    try self.init(gradients, partCount: partCount, precision: precision, communicator, node: nil, sharedLimit: .max)
  }

  /// - Parameters:
  ///   - node: The ranks of this rank's node; nil: whatever MPI finds.
  ///   - sharedLimit: Numbers of shared memory at most, a partial sum.
  init(
    _ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, precision: Precision, _ communicator: Communicator,
    node: Communicator?, sharedLimit: Int
  ) throws {
    (self.gradients, self.precision) = (gradients, precision)
    tree = ReductionTree(partCount: partCount, rankCount: communicator.size)
    span = tree.span(of: communicator.rank)
    ownNodes = tree.nodes(of: communicator.rank)
    sums = try PartialSums(
      tree, gradients, precision: precision, communicator, node: node, sharedLimit: sharedLimit)
  }

  deinit { for buffer in spare { buffer.deallocate() } }

  public func free() throws { try sums.free() }

  public var reducedByteCount: Int { carried.count * precision.carriedByteCount }

  private var lastPart: Int { span.upperBound - 1 }

  public func begin(_ buckets: [[Range<Int>]]) throws {
    precondition(complete.isEmpty, "a step begins before the last one is finished")
    carried = GradientBuckets(buckets)
    ownSums = try sums.begin(carried)
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
    try sums.send()
  }

  public func progress() throws { try sums.progress() }

  public func finish() throws {
    precondition(complete.map(\.node) == ownNodes, "a part of this rank's span was not added")
    try sums.finish()
    if let leaving { spare += leaving.chain.dropLast() }
    leaving = nil
    complete.removeAll(keepingCapacity: true)
  }

  // MARK: The tree

  /// What a part's numbers go through: memory for themselves, then the sums of the nodes to their left that they
  /// complete, one after the other. The last of these holds a node of its own from now on.
  private func climb(from part: Int) -> [UnsafeMutablePointer<Float>] {
    var chain = [memory(for: part)]
    var node = ReductionTree.Node(level: 0, index: part)
    while !ownNodes.contains(node) {
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

  /// Memory for a part's numbers: of the first part of a node whose sum is this rank's to send, where that sum goes.
  private func memory(for part: Int) -> UnsafeMutablePointer<Float> {
    if let own = ownNodes.firstIndex(where: { tree.parts(of: $0).lowerBound == part }) { return ownSums[own] }
    // Room for any step; the system gives memory only to what is used.
    return spare.popLast() ?? .allocate(capacity: max(gradients.count, 1))
  }

  /// Adds the part's numbers in a bucket to its chain's sums: left child plus right child.
  private func take(_ bucket: GradientBuckets.Bucket, through chain: [UnsafeMutablePointer<Float>]) {
    let start = bucket.places.lowerBound, count = bucket.numbers.count
    bucket.numbers.gather(gradients, into: chain[0] + start, roundedTo: precision)
    for (right, left) in zip(chain, chain.dropFirst()) {
      (left + start).add(right + start, count: count, roundedTo: precision)
    }
  }
}
