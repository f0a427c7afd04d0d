import MessagePassing
import Tensors

/// Brings the partial sums of all ranks together, in tree order: within a node in memory that its ranks share, each a
/// piece; then between nodes, each piece by a rank of every node.
///
/// So a node sends and receives what one rank would, whatever its ranks. Where the ranks of a node are not neighbours,
/// or cannot share as much memory, every rank exchanges with every other: the same bits.
final class PartialSums {
  private let tree: ReductionTree
  private let precision: Precision
  private let communicator: Communicator
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let ownNodes: [ReductionTree.Node]
  /// The ranks of this node; nil: each rank is by itself.
  private var nodeCommunicator: Communicator?
  private var groups: RankGroups
  private var node: NodeSum?
  /// Between nodes; nil: there is one, or this rank carries nothing.
  private var exchange: (any PartialSumExchange)?
  /// The ranks that carry the same piece.
  private var column: Communicator?
  /// Numbers of shared memory at most, a partial sum.
  private let sharedLimit: Int
  /// Of each partial sum of this rank where no memory is shared.
  private var memory: [UnsafeMutablePointer<Float>] = []

  private var carried = GradientBuckets([])
  /// This rank's piece of each bucket.
  private var pieces: [Range<Int>] = []
  /// By bucket, what tells that all ranks of the node have sent it.
  private var arrivals: [Request] = []
  /// Buckets that were sent, and those that were added up within the node.
  private var sentCount = 0, addedCount = 0

  /// Collective.
  ///
  /// - Parameters:
  ///   - node: The ranks of this rank's node; nil: whatever MPI finds.
  ///   - sharedLimit: Numbers of shared memory at most, a partial sum.
  init(
    _ tree: ReductionTree, _ gradients: UnsafeMutableBufferPointer<Float>, precision: Precision,
    _ communicator: Communicator, node: Communicator?, sharedLimit: Int
  ) throws {
    (self.tree, self.gradients, self.precision) = (tree, gradients, precision)
    (self.communicator, self.sharedLimit) = (communicator, sharedLimit)
    ownNodes = tree.nodes(of: communicator.rank)
    let own = try node.map { try $0.split(color: 0, key: $0.rank) } ?? communicator.splitByNode()
    nodeCommunicator = own
    groups = try RankGroups(communicator, node: own)
    if groups.share {
      self.node = NodeSum(tree, ranks: groups.group(of: communicator.rank), precision: precision, own)
    }
    try connect()
  }

  deinit { for sum in memory { sum.deallocate() } }

  /// Releases what MPI holds. Collective.
  func free() throws {
    try node?.free()
    try exchange?.free()
    try column?.free()
    try nodeCommunicator?.free()
    (node, exchange, column, nodeCommunicator) = (nil, nil, nil, nil)
  }

  /// Connects the ranks that carry the same piece. Collective.
  private func connect() throws {
    guard groups.groups.count > 1 else { return }
    let own = groups.column(of: communicator.rank)
    let column = try communicator.split(color: own ?? groups.columnCount, key: communicator.rank)
    self.column = column
    guard own != nil else { return }
    let nodes = groups.groups.map { tree.nodes(of: $0) }
    exchange =
      switch precision {
      case .fp32: try OrderedExchange<Float>(tree, nodes: nodes, column)
      case .bf16: try OrderedExchange<UInt16>(tree, nodes: nodes, column)
      }
  }

  /// Makes each rank a group of its own, for want of memory to share. Collective.
  private func separate() throws {
    try node?.free()
    try exchange?.free()
    try column?.free()
    (node, exchange, column, groups) = (nil, nil, nil, RankGroups(separate: communicator.size))
    try connect()
  }

  /// Makes room for `count` numbers of each partial sum. Collective where it grows: the same count on every rank.
  private func reserve(_ count: Int) throws {
    if let node, max(count, 1) > node.capacity {
      // Seldom, since it grows by half at least; never beyond what a step can have.
      let wanted = max(count, min(gradients.count, node.capacity * 3 / 2), 1)
      let fits = try wanted <= sharedLimit && node.reserve(wanted)
      if try communicator.allReduce(Int32(fits ? 1 : 0), .min) == 0 { try separate() }
    }
    // Room for any step; the system gives memory only to what is used.
    if node == nil, memory.isEmpty { memory = ownNodes.map { _ in .allocate(capacity: max(gradients.count, 1)) } }
  }

  // MARK: A step

  /// Prepares for a step.
  ///
  /// - Returns: Memory for each of this rank's partial sums over all that travels, in the order of its nodes.
  func begin(_ buckets: GradientBuckets) throws -> [UnsafeMutablePointer<Float>] {
    carried = buckets
    (sentCount, addedCount) = (0, 0)
    arrivals.removeAll(keepingCapacity: true)
    try reserve(buckets.count)
    pieces = buckets.buckets.map { groups.piece(of: $0.places, rank: communicator.rank) }
    try exchange?.begin(pieces.map(\.count))
    return node.map { node in ownNodes.map { node.sum(of: $0) } } ?? memory
  }

  /// Sends the next bucket, whose partial sums are in the memory for them.
  func send() throws {
    let index = sentCount
    sentCount += 1
    if let node {
      // One alone is added up when all is done.
      if carried.buckets.count > 1 { arrivals.append(try node.startSynchronization()) }
    } else {
      let bucket = carried.buckets[index]
      try exchange?.send(memory.map { $0 + bucket.places.lowerBound }, into: result(of: bucket))
    }
  }

  /// Where a bucket's sum comes together without shared memory: in the gradient if it lies there in one piece, else in
  /// the memory of the first partial sum, which has been sent when the result comes.
  private func result(of bucket: GradientBuckets.Bucket) -> UnsafeMutablePointer<Float> {
    (exchange == nil ? nil : bucket.numbers.piece(of: gradients)?.baseAddress) ?? memory[0] + bucket.places.lowerBound
  }

  func progress() throws {
    if let node {
      while addedCount < arrivals.count, try arrivals[addedCount].test() { try addNext(node) }
    }
    try exchange?.progress()
  }

  /// Adds up this rank's piece of the next bucket within the node, and sends it to the others.
  private func addNext(_ node: NodeSum) throws {
    let piece = pieces[addedCount], result = node.result + piece.lowerBound
    addedCount += 1
    try node.settle()
    let sums = node.add(piece)
    if let exchange { try exchange.send(sums, into: result) } else { result.copy(sums[0], count: piece.count) }
  }

  /// Waits for every bucket, all of them sent, and puts the sums into the gradients.
  func finish() throws {
    if let node { try finish(node) } else { try finishSeparate() }
  }

  private func finish(_ node: NodeSum) throws {
    if carried.buckets.count == 1 { try node.synchronize() }
    while addedCount < carried.buckets.count {
      if addedCount < arrivals.count { try arrivals[addedCount].wait() }
      try addNext(node)
      try exchange?.progress()
    }
    try exchange?.finish()
    try node.synchronize()
    for bucket in carried.buckets { bucket.numbers.scatter(node.result + bucket.places.lowerBound, into: gradients) }
  }

  private func finishSeparate() throws {
    try exchange?.finish()
    for bucket in carried.buckets {
      let result = result(of: bucket)
      if result != bucket.numbers.piece(of: gradients)?.baseAddress { bucket.numbers.scatter(result, into: gradients) }
    }
  }
}
