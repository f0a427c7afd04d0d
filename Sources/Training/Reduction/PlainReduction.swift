import MessagePassing

/// The plain sum: parts in place, ranks by MPI_Iallreduce. Faster by a copy; its last bits depend on the rank count.
public final class PlainReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator
  /// The last part of this rank's span.
  private let lastPart: Int
  private var carried = GradientBuckets([])
  /// Where numbers that lie apart are gathered.
  private var gathered: UnsafeMutableBufferPointer<Float>?
  /// The buckets sent, in their order.
  private var requests: [Request] = []

  public init(_ gradients: UnsafeMutableBufferPointer<Float>, partCount: Int, _ communicator: Communicator) {
    (self.gradients, self.communicator) = (gradients, communicator)
    let tree = ReductionTree(partCount: partCount, rankCount: communicator.size)
    lastPart = tree.span(of: communicator.rank).upperBound - 1
  }

  deinit { gathered?.deallocate() }

  public func free() {}

  public var reducedByteCount: Int { carried.byteCount }

  public func begin(_ buckets: [[Range<Int>]]) { carried = GradientBuckets(buckets) }

  public func add(part: Int) throws {
    guard part == lastPart, communicator.size > 1 else { return }
    while requests.count < carried.buckets.count { try sendBucket() }
  }

  public func sendBucket() throws {
    let bucket = carried.buckets[requests.count]
    requests.append(try communicator.startAllReduceSum(numbers(bucket)))
  }

  /// The bucket's numbers in one piece: where they lie, or gathered.
  private func numbers(_ bucket: GradientBuckets.Bucket) -> UnsafeMutableBufferPointer<Float> {
    if let piece = bucket.numbers.piece(of: gradients) { return piece }
    // Room for any step; the system gives memory only to what is used.
    let buffer = gathered ?? .allocate(capacity: gradients.count)
    gathered = buffer
    let part = UnsafeMutableBufferPointer(rebasing: buffer[bucket.places])
    part.baseAddress.map { bucket.numbers.gather(gradients, into: $0) }
    return part
  }

  public func progress() throws { _ = try requests.first { !$0.isComplete }?.test() }

  public func finish() throws {
    for (bucket, request) in zip(carried.buckets, requests) {
      try request.wait()
      guard bucket.numbers.ranges.count > 1, let start = gathered?.baseAddress else { continue }
      bucket.numbers.scatter(start + bucket.places.lowerBound, into: gradients)
    }
    requests.removeAll(keepingCapacity: true)
  }
}
