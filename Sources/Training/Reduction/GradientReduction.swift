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
