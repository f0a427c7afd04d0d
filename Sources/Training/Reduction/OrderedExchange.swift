import MessagePassing
import Tensors

/// Exchanges partial sums between ranks, each of which adds up a slice.
protocol PartialSumExchange: AnyObject {
  /// Prepares for a step. Nothing is under way.
  ///
  /// - Parameter counts: Numbers of each bucket.
  func begin(_ counts: [Int]) throws
  /// Sends the next bucket's partial sums.
  ///
  /// - Parameters:
  ///   - sums: A node of this rank's each, left alone until the end.
  ///   - result: Where the sum over all ranks comes; it may be the memory of a partial sum.
  func send(_ sums: [UnsafeMutablePointer<Float>], into result: UnsafeMutablePointer<Float>) throws
  /// Adds up and gathers what has come.
  func progress() throws
  /// Waits for every bucket, all of them sent.
  func finish() throws
  /// Releases what MPI holds. Collective.
  func free() throws
}

/// The two collectives of an ordered reduction, and their buffers: MPI_Alltoallv brings every rank all partial sums of
/// its slice, it adds them in tree order, and MPI_Allgatherv returns the slices.
///
/// A single bucket is exchanged by blocking collectives once everything is computed. Of several, some are under way
/// while others are still computed: they are spread in their order, and gathered in their order. The two kinds have a
/// communicator each, since when a rank gathers a bucket depends on when its partial sums have come.
final class OrderedExchange<Carried: CarriedNumber>: PartialSumExchange {
  private let tree: ReductionTree
  private let spreading, gathering: Communicator
  /// The nodes each rank sends.
  private let nodes: [[ReductionTree.Node]]
  /// Each node's place among all ranks'.
  private let positions: [ReductionTree.Node: Int]
  /// This rank's partial sums by bucket and destination; not needed where there is one that travels as it is.
  private var packed = Buffer<Carried>()
  /// All ranks' partial sums of this rank's slices, by bucket.
  private var received = Buffer<Carried>()
  /// The sums as they travel, by bucket, and a bucket's partial sums unpacked; not needed where they travel as they are.
  private var results = Buffer<Carried>(), unpacked = Buffer<Float>()
  private var exchanges: [Exchange] = []
  /// Buckets that were sent, and those of them of which this rank has added up its slice.
  private var sentCount = 0, addedCount = 0
  /// What a single bucket will send.
  private var waiting: UnsafeBufferPointer<Carried>?

  /// One bucket on its way.
  private struct Exchange {
    let layout: ExchangeLayout
    /// Where its numbers begin in ``packed``, in ``received`` and in ``results``.
    let packedPlace, receivedPlace, resultPlace: Int
    var result: UnsafeMutablePointer<Float>?
    var spread, gathered: Request?
  }

  /// - Parameters:
  ///   - nodes: Of each rank of `communicator`, the nodes whose sums it has.
  ///   - communicator: Left alone by others until ``free()``. Collective.
  init(_ tree: ReductionTree, nodes: [[ReductionTree.Node]], _ communicator: Communicator) throws {
    (self.tree, self.nodes, spreading) = (tree, nodes, communicator)
    gathering = try communicator.split(color: 0, key: communicator.rank)
    positions = Dictionary(uniqueKeysWithValues: nodes.joined().enumerated().map { ($1, $0) })
  }

  func free() throws { try gathering.free() }

  /// Whether some buckets are under way while others are computed.
  private var overlaps: Bool { exchanges.count > 1 }
  private var travelsAsItIs: Bool { Carried.self == Float.self }

  func begin(_ counts: [Int]) throws {
    let layouts = exchanges.map(\.layout), ownNodeCount = nodes[spreading.rank].count
    var packedEnd = 0, receivedEnd = 0, resultEnd = 0
    exchanges = try counts.enumerated().map { index, count in
      let known = index < layouts.count && layouts[index].count == count
      let layout = try known ? layouts[index] : ExchangeLayout(count, nodes, rank: spreading.rank)
      defer {
        packedEnd += layout.send.elementCount
        receivedEnd += layout.receive.elementCount
        resultEnd += count
      }
      return Exchange(layout: layout, packedPlace: packedEnd, receivedPlace: receivedEnd, resultPlace: resultEnd)
    }
    if ownNodeCount > 1 || !travelsAsItIs { packed.reserve(packedEnd) }
    if !travelsAsItIs {
      results.reserve(resultEnd)
      unpacked.reserve(exchanges.map(\.layout.receive.elementCount).max() ?? 0)
    }
    received.reserve(receivedEnd)
    (sentCount, addedCount) = (0, 0)
  }

  func send(_ sums: [UnsafeMutablePointer<Float>], into result: UnsafeMutablePointer<Float>) throws {
    let index = sentCount
    sentCount += 1
    exchanges[index].result = result
    let exchange = exchanges[index], outgoing = outgoing(exchange, sums)
    if overlaps {
      exchanges[index].spread = try spreading.startAllToAllV(
        outgoing, exchange.layout.send, into: incoming(exchange), exchange.layout.receive)
    } else {
      waiting = outgoing
    }
  }

  /// Partial sums by destination.
  private func outgoing(_ exchange: Exchange, _ sums: [UnsafeMutablePointer<Float>]) -> UnsafeBufferPointer<Carried> {
    let count = exchange.layout.send.elementCount
    if sums.count == 1, let carried = Carried.carried(sums[0]) {
      return UnsafeBufferPointer(start: carried, count: count)
    }
    let start = packed.base + exchange.packedPlace
    var target = start
    for rank in 0..<spreading.size {
      let slice = exchange.layout.slices.range(of: rank)
      for sum in sums {
        Carried.pack(sum + slice.lowerBound, into: target, count: slice.count)
        target += slice.count
      }
    }
    return UnsafeBufferPointer(start: start, count: count)
  }

  private func incoming(_ exchange: Exchange) -> UnsafeMutableBufferPointer<Carried> {
    UnsafeMutableBufferPointer(
      start: received.base + exchange.receivedPlace, count: exchange.layout.receive.elementCount)
  }

  func progress() throws {
    while addedCount < sentCount, let spread = exchanges[addedCount].spread, try spread.test() { try gatherNext() }
    // Any call moves on whatever is under way.
    if addedCount > 0 { _ = try exchanges[addedCount - 1].gathered?.test() }
  }

  /// Adds up this rank's slice of the next bucket, whose partial sums have come, and starts to gather the slices.
  private func gatherNext() throws {
    let exchange = exchanges[addedCount]
    exchanges[addedCount].gathered = try gathering.startAllGatherV(inPlace: addSlice(exchange), exchange.layout.slices)
    addedCount += 1
  }

  func finish() throws {
    precondition(sentCount == exchanges.count, "\(sentCount) of \(exchanges.count) buckets were sent")
    if let waiting { try exchangeAtOnce(waiting) }
    waiting = nil
    while overlaps, addedCount < exchanges.count {
      try exchanges[addedCount].spread?.wait()
      try gatherNext()
    }
    for exchange in exchanges {
      try exchange.gathered?.wait()
      if !travelsAsItIs, let result = exchange.result {
        Carried.unpack(results.base + exchange.resultPlace, into: result, count: exchange.layout.count)
      }
    }
  }

  /// The exchange of a single bucket.
  private func exchangeAtOnce(_ outgoing: UnsafeBufferPointer<Carried>) throws {
    let exchange = exchanges[0], layout = exchange.layout
    try spreading.allToAllV(outgoing, layout.send, into: incoming(exchange), layout.receive)
    try spreading.allGatherV(inPlace: addSlice(exchange), layout.slices)
  }

  /// Adds up this rank's slice, and returns where the slices of all come together.
  private func addSlice(_ exchange: Exchange) -> UnsafeMutableBufferPointer<Carried> {
    let slice = exchange.layout.ownSlice, start = received.base + exchange.receivedPlace
    let numbers = Carried.numbers(start) ?? unpacked.base
    if !travelsAsItIs { Carried.unpack(start, into: numbers, count: exchange.layout.receive.elementCount) }
    let sum = tree.add(tree.root, count: slice.count, roundedTo: Carried.precision) { node in
      positions[node].map { numbers + $0 * slice.count }
    }
    let whole = exchange.result.flatMap { Carried.carried($0) } ?? results.base + exchange.resultPlace
    Carried.pack(sum, into: whole + slice.lowerBound, count: slice.count)
    return UnsafeMutableBufferPointer(start: whole, count: exchange.layout.count)
  }
}

/// Who sends what of a bucket.
private struct ExchangeLayout {
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

/// Memory that grows to what was asked for at most.
private final class Buffer<Element: BitwiseCopyable> {
  private(set) var base = UnsafeMutablePointer<Element>.allocate(capacity: 1)
  private var capacity = 1

  deinit { base.deallocate() }

  /// Makes room for `count` elements; what it held is lost if it grows.
  func reserve(_ count: Int) {
    guard count > capacity else { return }
    base.deallocate()
    (base, capacity) = (.allocate(capacity: count), count)
  }
}
