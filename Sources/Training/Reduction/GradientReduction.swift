import MessagePassing
import Tensors

/// Sums the gradients of a batch's parts over all ranks.
///
/// Per step, from gradients of zero: `begin(_:)` with what can be other than zero; `add(part:)` for each part of this
/// rank's span in rising order, right after its gradient was added to `gradients`; then `finish()`, collective, after
/// which `gradients` holds the sum over all parts on every rank. What `gradients` holds in between is the reduction's
/// own affair: parts may gather there.
public protocol GradientReduction: AnyObject {
  /// Starts a step. Only the numbers in `ranges` travel; the others are neither read nor written.
  ///
  /// - Parameter ranges: Ascending and disjoint, the same on every rank.
  func begin(_ ranges: [Range<Int>]) throws
  /// Takes note that one part's gradient is complete.
  func add(part: Int)
  /// Puts the sum over all parts of all ranks into the buffer.
  func finish() throws
  /// Bytes that each rank puts into the reduction of the last step begun: four a number that travels. One rank alone
  /// sends none of them.
  var reducedByteCount: Int { get }
}

/// The numbers of a gradient buffer that a step's reduction carries, end to end.
struct GradientRanges {
  let ranges: [Range<Int>]
  let count: Int

  init(_ ranges: [Range<Int>]) {
    self.ranges = ranges
    count = ranges.reduce(0) { $0 + $1.count }
  }

  var byteCount: Int { count * MemoryLayout<Float>.stride }

  /// The numbers themselves, where they lie in one piece.
  func piece(of gradients: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<Float>? {
    ranges.count == 1 ? UnsafeMutableBufferPointer(rebasing: gradients[ranges[0]]) : nil
  }

  /// Copies the numbers into `gathered`, which has room for them.
  func gather(_ gradients: UnsafeMutableBufferPointer<Float>, into gathered: UnsafeMutablePointer<Float>) {
    var target = gathered
    for range in ranges {
      target.update(from: gradients.baseAddress! + range.lowerBound, count: range.count)
      target += range.count
    }
  }

  /// Copies the numbers back.
  func scatter(_ gathered: UnsafeMutablePointer<Float>, into gradients: UnsafeMutableBufferPointer<Float>) {
    var source = gathered
    for range in ranges {
      (gradients.baseAddress! + range.lowerBound).update(from: source, count: range.count)
      source += range.count
    }
  }

  func zero(_ gradients: UnsafeMutableBufferPointer<Float>) {
    for range in ranges { (gradients.baseAddress! + range.lowerBound).update(repeating: 0, count: range.count) }
  }
}

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
