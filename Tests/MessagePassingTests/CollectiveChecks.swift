import MessagePassing
import Testing

/// Every collective against the plain loop that says what it means; the same on any number of ranks.
struct CollectiveChecks {
  let world: Communicator

  func run() throws {
    #expect((0..<world.size).contains(world.rank))
    try world.barrier()
    try split()
    try broadcast()
    try gather()
    try allGatherV()
    try allToAllV()
    try reductions()
    try nonBlockingSum()
    try errors()
  }

  private func split() throws {
    let node = try world.splitByNode()
    #expect(node.size == world.size && node.rank == world.rank)  // the test's ranks share one host
    try node.free()
    let half = try world.split(color: world.rank % 2, key: -world.rank)
    let members = (0..<world.size).filter { $0 % 2 == world.rank % 2 }
    #expect(half.size == members.count)
    #expect(half.rank == members.reversed().firstIndex(of: world.rank))
    #expect(try half.allReduce(Int64(world.rank), .sum) == Int64(members.reduce(0, +)))
    try half.free()
  }

  private func broadcast() throws {
    let root = world.size - 1
    #expect(try world.broadcast(Double(world.rank) + 0.5, from: root) == Double(root) + 0.5)
    #expect(try world.broadcast(world.rank == root ? "naïve, 日本" : "", from: root) == "naïve, 日本")
    let bytes = [UInt8](repeating: UInt8(world.rank), count: world.rank * 1000)
    #expect(try world.broadcast(bytes, from: root) == [UInt8](repeating: UInt8(root), count: root * 1000))
    #expect(try world.broadcast([Float]()).isEmpty)
  }

  private func gather() throws {
    let own = block(of: world.rank)
    let expected = (0..<world.size).map(block)
    for root in [0, world.size - 1] {
      #expect(try world.gather(own, to: root) == (world.rank == root ? expected : nil))
    }
    #expect(try world.allGather(Int32(world.rank)) == (0..<Int32(world.size)).map { $0 })
    #expect(try world.allGather([Int64(world.rank), 7]) == (0..<Int64(world.size)).flatMap { [$0, 7] })
    #expect(try world.allGatherV(own) == expected)
  }

  private func allGatherV() throws {
    // Block r has r elements, rank 0 none, with a gap of one element before each.
    let counts = Array(0..<world.size)
    let layout = try BlockLayout(counts: counts, displacements: counts.map { $0 * ($0 - 1) / 2 + $0 + 1 })
    var expected = [Float](repeating: -1, count: layout.elementCount)
    for rank in 0..<world.size {
      for index in layout.range(of: rank) { expected[index] = Float(rank * 1000 + index) }
    }
    let range = layout.range(of: world.rank)

    var gathered = [Float](repeating: -1, count: expected.count)
    try expected[range].withUnsafeBufferPointer { source in
      try gathered.withUnsafeMutableBufferPointer { try world.allGatherV(source, into: $0, layout) }
    }
    #expect(gathered == expected)

    var inPlace = [Float](repeating: -1, count: expected.count)
    inPlace.replaceSubrange(range, with: expected[range])
    try inPlace.withUnsafeMutableBufferPointer { try world.allGatherV(inPlace: $0, layout) }
    #expect(inPlace == expected)
  }

  private func allToAllV() throws {
    // Rank a sends 2a + b elements to rank b, so every pair differs and some blocks are empty.
    func count(from sender: Int, to receiver: Int) -> Int { 2 * sender + receiver }
    func value(from sender: Int, to receiver: Int, _ index: Int) -> Float {
      Float(sender * 10_000 + receiver * 100 + index)
    }
    func values(_ pairs: [(from: Int, to: Int)]) -> [Float] {
      pairs.flatMap { pair in
        (0..<count(from: pair.from, to: pair.to)).map { value(from: pair.from, to: pair.to, $0) }
      }
    }
    let ranks = 0..<world.size
    let sent = ranks.map { (from: world.rank, to: $0) }
    let received = ranks.map { (from: $0, to: world.rank) }
    let sentLayout = try BlockLayout(counts: sent.map { count(from: $0.from, to: $0.to) })
    let receivedLayout = try BlockLayout(counts: received.map { count(from: $0.from, to: $0.to) })
    let source = values(sent)
    var target = [Float](repeating: -1, count: receivedLayout.elementCount)
    for _ in 0..<2 {  // the layouts serve again
      try source.withUnsafeBufferPointer { source in
        try target.withUnsafeMutableBufferPointer { try world.allToAllV(source, sentLayout, into: $0, receivedLayout) }
      }
      #expect(target == values(received))
    }
  }

  private func reductions() throws {
    let size = world.size
    var values = [Float(world.rank), 1, Float(-world.rank)]
    try world.allReduce(&values, .sum)
    let ranksSum = Float(size * (size - 1) / 2)
    #expect(values == [ranksSum, Float(size), -ranksSum])
    #expect(try world.allReduce(Double(world.rank), .max) == Double(size - 1))
    #expect(try world.allReduce(Int32(world.rank), .min) == 0)
    #expect(try world.allReduce(Int64(1) << 40, .sum) == Int64(size) << 40)
    #expect(try world.allReduce(UInt8(world.rank == size - 1 ? 1 : 0), .max) == 1)
  }

  private func nonBlockingSum() throws {
    let count = 100_000
    let buffers = (0..<3).map { _ in UnsafeMutableBufferPointer<Float>.allocate(capacity: count) }
    defer { for buffer in buffers { buffer.deallocate() } }
    for (index, buffer) in buffers.enumerated() { buffer.initialize(repeating: Float(world.rank + index)) }
    let requests = try buffers.map { try world.startAllReduceSum($0) }
    while try !requests[0].test() {}
    for request in requests {
      try request.wait()
      #expect(request.isComplete)
      #expect(try request.test())
    }
    let ranksSum = world.size * (world.size - 1) / 2
    for (index, buffer) in buffers.enumerated() {
      // Sums of small whole numbers are exact in any order.
      #expect(buffer.allSatisfy { $0 == Float(ranksSum + index * world.size) })
    }
  }

  private func errors() throws {
    let expected = MPIError.callFailed(operation: "MPI_Bcast", code: 8, text: "MPI_ERR_ROOT: invalid root")
    #expect(throws: expected) { try world.broadcast(Float(1), from: world.size) }
    #expect(throws: MPIError.alreadyStarted) {
      let second = try MPIEnvironment()
      _ = second.world.rank
    }
  }

  /// An array of each rank's own length and content.
  private func block(of rank: Int) -> [UInt8] { [UInt8](repeating: UInt8(rank + 1), count: 3 * rank) }
}
