import MessagePassing
import Tensors

/// Sums the gradients of a batch's parts over all ranks.
///
/// Per step, from gradients of zero: `add(part:)` for each part of this rank's span in rising order, right after its
/// gradient was added to `gradients`; then `finish()`, collective, after which `gradients` holds the sum over all parts
/// on every rank. What `gradients` holds in between is the reduction's own affair: parts may gather there.
public protocol GradientReduction: AnyObject {
  /// Takes note that one part's gradient is complete.
  func add(part: Int)
  /// Puts the sum over all parts of all ranks into the buffer.
  func finish() throws
}

/// The plain sum: parts in place, ranks by MPI_Iallreduce. Faster by a copy; its last bits depend on the rank count.
public final class PlainReduction: GradientReduction {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let communicator: Communicator

  public init(_ gradients: UnsafeMutableBufferPointer<Float>, _ communicator: Communicator) {
    (self.gradients, self.communicator) = (gradients, communicator)
  }

  public func add(part: Int) {}

  public func finish() throws {
    guard communicator.size > 1 else { return }
    try communicator.startAllReduceSum(gradients).wait()
  }
}
