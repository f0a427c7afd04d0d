import MessagePassing

/// The plain sum: parts in place, ranks by MPI_Iallreduce. Faster by a copy; its last bits depend on the rank count.
public final class PlainReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator
  private var carried = GradientRanges([])
  /// Where numbers that lie apart are gathered.
  private var gathered: UnsafeMutableBufferPointer<Float>?

  public init(_ gradients: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator) {
    (self.gradients, self.communicator) = (gradients, communicator)
  }

  deinit { gathered?.deallocate() }

  public var reducedByteCount: Int { carried.byteCount }

  public func begin(_ ranges: [Range<Int>]) { carried = GradientRanges(ranges) }

  public func add(part: Int) {}

  public func finish() throws {
    guard communicator.size > 1 else { return }
    if let piece = carried.piece(of: gradients) { return try communicator.startAllReduceSum(piece).wait() }
    // Room for any step; the system gives memory only to what is used.
    let buffer = gathered ?? .allocate(capacity: gradients.count)
    gathered = buffer
    guard let start = buffer.baseAddress else { return }
    carried.gather(gradients, into: start)
    try communicator.startAllReduceSum(UnsafeMutableBufferPointer(rebasing: buffer[0..<carried.count])).wait()
    carried.scatter(start, into: gradients)
  }
}
