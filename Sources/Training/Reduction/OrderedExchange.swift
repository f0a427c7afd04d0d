import MessagePassing
import Tensors

/// The two collectives of an ordered reduction, and their buffers.
///
/// A single bucket is exchanged by blocking collectives once everything is computed. Of several, some are under way
/// while others are still computed: they are spread in their order, and gathered in their order. The two kinds have a
/// communicator each, since when a rank gathers a bucket depends on when its partial sums have come.
final class OrderedExchange {
  private let tree: ReductionTree
  private let spreading, gathering: Communicator
  /// The nodes each rank sends.
  private let nodes: [[ReductionTree.Node]]
  /// Each node's place among all ranks'.
  private let positions: [ReductionTree.Node: Int]
  /// This rank's partial sums by bucket and destination; not needed where there is one.
  private var packed = Buffer()
  /// All ranks' partial sums of this rank's slices, by bucket.
  private var received = Buffer()
  private var exchanges: [Exchange] = []
  /// Buckets that were sent, and those of them of which this rank has added up its slice.
  private var sentCount = 0, addedCount = 0

  /// One bucket on its way.
  private struct Exchange {
    let bucket: GradientBuckets.Bucket
    let layout: Layout
    /// Where its numbers begin in ``packed`` and in ``received``.
    let packedPlace, receivedPlace: Int
    /// Where the sum comes together: the gradient if it lies in one piece, else the memory of the first partial sum.
    var result: UnsafeMutableBufferPointer<Float>
    var spread, gathered: Request?
  }

  /// Who sends what of a bucket.
  private struct Layout {
    let count: Int
    /// Each rank's slice.
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

  /// Collective.
  init(tree: ReductionTree, _ communicator: Communicator) throws {
    (self.tree, spreading) = (tree, communicator)
    gathering = try communicator.split(color: 0, key: communicator.rank)
    nodes = (0..<tree.rankCount).map { tree.nodes(of: $0) }
    positions = Dictionary(uniqueKeysWithValues: nodes.joined().enumerated().map { ($1, $0) })
  }

  deinit { try? gathering.free() }

  private var ownNodeCount: Int { nodes[spreading.rank].count }
  /// Whether some buckets are under way while others are computed.
  private var overlaps: Bool { exchanges.count > 1 }

  /// Prepares for the buckets of a step.
  func begin(_ buckets: [GradientBuckets.Bucket], _ gradients: UnsafeMutableBufferPointer<Float>) throws {
    let layouts = exchanges.map(\.layout)
    var packedEnd = 0, receivedEnd = 0
    exchanges = try buckets.enumerated().map { index, bucket in
      let known = index < layouts.count && layouts[index].count == bucket.numbers.count
      let layout = try known ? layouts[index] : Layout(bucket.numbers.count, nodes, rank: spreading.rank)
      defer {
        packedEnd += layout.send.elementCount
        receivedEnd += layout.receive.elementCount
      }
      return Exchange(
        bucket: bucket, layout: layout, packedPlace: packedEnd, receivedPlace: receivedEnd,
        result: bucket.numbers.piece(of: gradients) ?? .init(start: nil, count: 0))
    }
    if ownNodeCount > 1 { packed.reserve(packedEnd) }
    received.reserve(receivedEnd)
    (sentCount, addedCount) = (0, 0)
  }

  /// Sends the next bucket's partial sums.
  ///
  /// - Parameter sums: Over all that travels, a node of this rank each; left alone until ``finish(_:)``.
  func send(_ sums: [UnsafeMutablePointer<Float>]) throws {
    let index = sentCount, places = exchanges[index].bucket.places
    sentCount += 1
    if exchanges[index].result.baseAddress == nil {
      // All partial sums have been sent by the time the result comes: the first one's memory can take it.
      exchanges[index].result = .init(start: sums[0] + places.lowerBound, count: places.count)
    }
    let exchange = exchanges[index], outgoing = outgoing(exchange, sums)
    if overlaps {
      exchanges[index].spread = try spreading.startAllToAllV(
        outgoing, exchange.layout.send, into: incoming(exchange), exchange.layout.receive)
    } else {
      waiting = outgoing
    }
  }

  /// What a single bucket will send.
  private var waiting: UnsafeBufferPointer<Float>?

  /// Partial sums by destination.
  private func outgoing(_ exchange: Exchange, _ sums: [UnsafeMutablePointer<Float>]) -> UnsafeBufferPointer<Float> {
    let count = exchange.layout.send.elementCount, start = exchange.bucket.places.lowerBound
    guard sums.count > 1 else { return UnsafeBufferPointer(start: sums[0] + start, count: count) }
    var target = packed.base + exchange.packedPlace
    for rank in 0..<tree.rankCount {
      let slice = exchange.layout.slices.range(of: rank)
      for sum in sums {
        target.copy(sum + start + slice.lowerBound, count: slice.count)
        target += slice.count
      }
    }
    return UnsafeBufferPointer(start: packed.base + exchange.packedPlace, count: count)
  }

  private func incoming(_ exchange: Exchange) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(
      start: received.base + exchange.receivedPlace, count: exchange.layout.receive.elementCount)
  }

  /// Adds up and gathers what has come.
  func progress() throws {
    while addedCount < sentCount, let spread = exchanges[addedCount].spread, try spread.test() { try gatherNext() }
    // Any call moves on whatever is under way.
    if addedCount > 0 { _ = try exchanges[addedCount - 1].gathered?.test() }
  }

  /// Adds up this rank's slice of the next bucket, whose partial sums have come, and starts to gather the slices.
  private func gatherNext() throws {
    let exchange = exchanges[addedCount]
    addSlice(exchange)
    exchanges[addedCount].gathered = try gathering.startAllGatherV(inPlace: exchange.result, exchange.layout.slices)
    addedCount += 1
  }

  /// Waits for every bucket, all of them sent, and puts the sums into the gradients.
  func finish(_ gradients: UnsafeMutableBufferPointer<Float>) throws {
    precondition(sentCount == exchanges.count, "\(sentCount) of \(exchanges.count) buckets were sent")
    if let waiting { try exchangeAtOnce(waiting) }
    while overlaps, addedCount < exchanges.count {
      try exchanges[addedCount].spread?.wait()
      try gatherNext()
    }
    for exchange in exchanges {
      try exchange.gathered?.wait()
      if exchange.bucket.numbers.ranges.count != 1, let result = exchange.result.baseAddress {
        exchange.bucket.numbers.scatter(result, into: gradients)
      }
    }
    waiting = nil
  }

  /// The exchange of a single bucket.
  private func exchangeAtOnce(_ outgoing: UnsafeBufferPointer<Float>) throws {
    let exchange = exchanges[0], layout = exchange.layout
    try spreading.allToAllV(outgoing, layout.send, into: incoming(exchange), layout.receive)
    addSlice(exchange)
    try spreading.allGatherV(inPlace: exchange.result, layout.slices)
  }

  private func addSlice(_ exchange: Exchange) {
    let slice = exchange.layout.ownSlice
    guard !slice.isEmpty, let result = exchange.result.baseAddress else { return }
    let sum = add(tree.root, received.base + exchange.receivedPlace, count: slice.count)
    (result + slice.lowerBound).copy(sum, count: slice.count)
  }

  /// The sum of a node, added in place into its leftmost partial sum of those at `first`.
  private func add(
    _ node: ReductionTree.Node, _ first: UnsafeMutablePointer<Float>, count: Int
  ) -> UnsafeMutablePointer<Float> {
    if let position = positions[node] { return first + position * count }
    let children = tree.children(of: node)
    let left = add(children[0], first, count: count)
    if children.count == 2 { left.add(add(children[1], first, count: count), count: count) }
    return left
  }
}

/// Memory that grows to what was asked for at most.
private final class Buffer {
  private(set) var base = UnsafeMutablePointer<Float>.allocate(capacity: 1)
  private var capacity = 1

  deinit { base.deallocate() }

  /// Makes room for `count` numbers; what it held is lost if it grows.
  func reserve(_ count: Int) {
    guard count > capacity else { return }
    base.deallocate()
    (base, capacity) = (.allocate(capacity: count), count)
  }
}
