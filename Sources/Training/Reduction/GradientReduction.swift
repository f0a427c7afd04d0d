/// Sums the gradients of a batch's parts over all ranks.
///
/// Per step, from gradients of zero: `begin(_:)` with what can be other than zero; `add(part:)` for each part of this
/// rank's span in rising order, right after its gradient was added to `gradients`; then `finish()`, collective, after
/// which `gradients` holds the sum over all parts on every rank. What `gradients` holds in between is the reduction's
/// own affair: parts may gather there.
///
/// While the gradient of the span's last part is still computed, buckets of which nothing is missing may leave ahead of
/// the others by `sendBucket()`; `progress()` moves them on.
public protocol GradientReduction: AnyObject {
  /// Starts a step. Only the numbers in the buckets travel; the others are neither read nor written.
  ///
  /// - Parameter buckets: In the order in which they leave, each with ascending ranges; no number is in two. The same
  ///   on every rank.
  func begin(_ buckets: [[Range<Int>]]) throws
  /// Takes note that one part's gradient is complete. With the last one of the span all buckets leave that have not.
  func add(part: Int) throws
  /// Sends the next bucket, complete in this rank's last part; when the others send theirs does not matter.
  func sendBucket() throws
  /// Moves on what has been sent.
  func progress() throws
  /// Puts the sum over all parts of all ranks into the buffer. Every bucket has left.
  func finish() throws
  /// Releases what MPI holds; nothing is under way, and no step follows. Collective.
  func free() throws
  /// Bytes that each rank puts into the reduction of the last step begun: four a number that travels, or two in bf16. One
  /// rank alone sends none of them.
  var reducedByteCount: Int { get }
}
