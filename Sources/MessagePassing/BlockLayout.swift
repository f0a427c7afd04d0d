/// Where each rank's block lies in a buffer, in elements: what the v-collectives of MPI call counts and displacements.
///
/// Made once and used again at every step: the collectives that take it allocate nothing.
public struct BlockLayout: Sendable, Equatable {
  let counts: [CInt]
  let displacements: [CInt]
  /// The number of elements from the buffer's start to the end of the last block.
  public let elementCount: Int

  /// Blocks of `counts[rank]` elements, one behind the other in the order of ranks.
  ///
  /// - Throws: ``MPIError/tooManyElements(operation:count:)`` if they reach beyond 2³¹ - 1 elements.
  public init(counts: [Int]) throws(MPIError) {
    var end = 0
    let displacements = counts.map { count in
      defer { end += count }
      return end
    }
    try self.init(counts: counts, displacements: displacements)
  }

  /// Blocks of `counts[rank]` elements that start at `displacements[rank]`.
  ///
  /// - Throws: ``MPIError/tooManyElements(operation:count:)`` if they reach beyond 2³¹ - 1 elements.
  public init(counts: [Int], displacements: [Int]) throws(MPIError) {
    precondition(
      counts.count == displacements.count, "\(counts.count) counts and \(displacements.count) displacements")
    precondition(counts.allSatisfy { $0 >= 0 } && displacements.allSatisfy { $0 >= 0 }, "negative block: \(counts)")
    elementCount = zip(counts, displacements).map { $0 + $1 }.max() ?? 0
    _ = try Communicator.count(elementCount, in: "A layout of blocks")
    self.counts = counts.map { CInt($0) }
    self.displacements = displacements.map { CInt($0) }
  }

  /// The number of blocks, which is the number of ranks.
  public var blockCount: Int { counts.count }

  /// The elements of rank `rank`'s block.
  public func range(of rank: Int) -> Range<Int> {
    let start = Int(displacements[rank])
    return start..<start + Int(counts[rank])
  }

  /// Copies of counts and displacements that stay where they are, for a ``Request`` to free.
  func copies() -> (counts: UnsafeMutableBufferPointer<CInt>, displacements: UnsafeMutableBufferPointer<CInt>) {
    func copy(_ numbers: [CInt]) -> UnsafeMutableBufferPointer<CInt> {
      let result = UnsafeMutableBufferPointer<CInt>.allocate(capacity: numbers.count)
      _ = result.initialize(from: numbers)
      return result
    }
    return (copy(counts), copy(displacements))
  }

  func requireFit(in elementCount: Int, ranks: Int) {
    precondition(blockCount == ranks, "\(blockCount) blocks for \(ranks) ranks")
    precondition(self.elementCount <= elementCount, "blocks of \(self.elementCount) elements in \(elementCount)")
  }
}
