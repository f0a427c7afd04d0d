import Tensors

/// What the layers of one forward (and backward) pass share: the rows that they treat, where to keep activations, and
/// the random numbers of training.
public struct Pass {
  public let rows: Rows
  /// Key of dropout and routing noise; nil switches both off (evaluation).
  public let randomKey: RandomKey?
  /// Whether a backward pass follows, so that activations must be kept.
  public let keepsActivations: Bool
  /// Activations that live until the backward pass has used them.
  public let saved: Workspace
  /// Short-lived values of a layer.
  public let scratch: Workspace

  public init(_ rows: Rows, randomKey: RandomKey?, keepsActivations: Bool, saved: Workspace, scratch: Workspace) {
    self.rows = rows
    self.randomKey = randomKey
    self.keepsActivations = keepsActivations
    self.saved = saved
    self.scratch = scratch
  }

  public var segments: [Rows.Segment] { rows.segments }

  /// The rows of one segment.
  public func rows(of segment: Int) -> Range<Int> { rows.range(of: segment) }

  /// Memory that lasts until the backward pass if one follows, else until the layer is done.
  public func kept(_ rows: Int, _ columns: Int) -> Matrix {
    (keepsActivations ? saved : scratch).matrix(rows, columns)
  }

  /// The same pass over other rows of the same examples.
  public func over(_ rows: Rows) -> Pass {
    Pass(rows, randomKey: randomKey, keepsActivations: keepsActivations, saved: saved, scratch: scratch)
  }
}
