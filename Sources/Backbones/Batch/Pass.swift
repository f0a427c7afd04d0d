import Tensors

/// What the layers of one forward (and backward) pass share: the rows that they treat, where to keep activations, and
/// the random numbers of training.
public struct Pass {
  public private(set) var rows: Rows
  /// Key of dropout and routing noise; nil switches both off (evaluation).
  public let randomKey: RandomKey?
  /// Whether a backward pass follows, so that activations must be kept.
  public private(set) var keepsActivations: Bool
  /// Whether stacks keep their layers' inputs alone, and the backward pass computes each layer again: gradient
  /// checkpointing (Chen et al. 2016).
  public private(set) var isCheckpointed: Bool
  /// Whether this computes again what a forward pass has computed before: nothing is counted twice.
  public private(set) var isRepeated = false
  /// Activations that live until the backward pass has used them.
  public let saved: Workspace
  /// Short-lived values of a layer.
  public let scratch: Workspace
  /// What measures the phases of a step; nil: nobody does.
  public let phases: PhaseTimer?
  /// Called in the backward pass with maps whose gradients, and whose adapters', are complete for this pass.
  public let completed: ((_ maps: [Linear]) -> Void)?

  public init(
    _ rows: Rows, randomKey: RandomKey?, keepsActivations: Bool, isCheckpointed: Bool = false, saved: Workspace,
    scratch: Workspace, phases: PhaseTimer? = nil, completed: ((_ maps: [Linear]) -> Void)? = nil
  ) {
    self.rows = rows
    self.randomKey = randomKey
    self.keepsActivations = keepsActivations
    self.isCheckpointed = keepsActivations && isCheckpointed
    self.saved = saved
    self.scratch = scratch
    self.phases = phases
    self.completed = completed
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
    var pass = self
    pass.rows = rows
    return pass
  }

  /// The same pass through a layer of a checkpointed stack: without activations, or for what the backward pass computes
  /// again with them.
  func keeping(_ keepsActivations: Bool, again isRepeated: Bool = false) -> Pass {
    var pass = self
    (pass.keepsActivations, pass.isCheckpointed, pass.isRepeated) = (keepsActivations, false, isRepeated)
    return pass
  }

  /// Runs `body` as a phase of the step.
  public func measure<Result>(_ phase: PhaseTimer.Phase, _ body: () -> Result) -> Result {
    phases?.measure(phase, body) ?? body()
  }

  /// Runs `body` as the backward pass of the phase under way.
  public func backward<Result>(_ body: () -> Result) -> Result { phases?.backward(body) ?? body() }
}
