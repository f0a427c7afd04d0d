import Tensors

/// What the layers of one forward (and backward) pass share: which rows belong to which sequence, where to keep
/// activations, and the random numbers of training.
public struct Pass {
  /// Where each sequence's rows start; one more than there are sequences.
  public let starts: [Int]
  /// Each sequence's task.
  public let tasks: [Int]
  /// Each sequence's running number in the run.
  public let ordinals: [UInt64]
  /// Key of dropout and routing noise; nil switches both off (evaluation).
  public let randomKey: RandomKey?
  /// Whether a backward pass follows, so that activations must be kept.
  public let keepsActivations: Bool
  /// Activations that live until the backward pass has used them.
  public let saved: Workspace
  /// Short-lived values of a layer.
  public let scratch: Workspace

  public init(
    starts: [Int], tasks: [Int], ordinals: [UInt64], randomKey: RandomKey?, keepsActivations: Bool, saved: Workspace,
    scratch: Workspace
  ) {
    self.starts = starts
    self.tasks = tasks
    self.ordinals = ordinals
    self.randomKey = randomKey
    self.keepsActivations = keepsActivations
    self.saved = saved
    self.scratch = scratch
  }

  public var sequenceCount: Int { tasks.count }

  /// The rows of one sequence.
  public func rows(of sequence: Int) -> Range<Int> { starts[sequence]..<starts[sequence + 1] }

  /// The rows of the longest sequence.
  var longestSequence: Int { (0..<sequenceCount).reduce(0) { max($0, rows(of: $1).count) } }

  /// Memory that lasts until the backward pass if one follows, else until the layer is done.
  public func kept(_ rows: Int, _ columns: Int) -> Matrix {
    (keepsActivations ? saved : scratch).matrix(rows, columns)
  }

  /// The same pass over other rows of each sequence, as `starts` says.
  public func withRows(starts: [Int]) -> Pass {
    Pass(
      starts: starts, tasks: tasks, ordinals: ordinals, randomKey: randomKey, keepsActivations: keepsActivations,
      saved: saved, scratch: scratch)
  }

  /// The same pass over some of its sequences alone, whose rows start at 0.
  public func sequences(_ range: Range<Int>) -> Pass {
    Pass(
      starts: starts[range.lowerBound...range.upperBound].map { $0 - starts[range.lowerBound] },
      tasks: Array(tasks[range]), ordinals: Array(ordinals[range]), randomKey: randomKey,
      keepsActivations: keepsActivations, saved: saved, scratch: scratch)
  }
}
