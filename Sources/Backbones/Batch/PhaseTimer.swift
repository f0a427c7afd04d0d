/// Wall time of the parts of a step, each moment counted once: a phase that begins within another interrupts it, so the
/// phases' times sum to that of the whole.
///
/// For the thread that hands out work; threads that share an operation's work measure nothing.
public final class PhaseTimer {
  /// The parts of a step.
  public enum Phase: Int, CaseIterable, Sendable {
    /// Which examples a part has, and packing them.
    case plan
    /// The rows that tokens start with, an encoder's norm of them included.
    case embed
    /// The model's own maps, those under adapters included.
    case linear
    /// Queries, keys and values from rotary positions on, to what is mixed.
    case attention
    /// What adapters add to their maps.
    case adapter
    /// What else is between embedding and head: norms, activations, residual sums, rows that are picked out.
    case norms
    /// Logits, losses and their gradient; linear maps in a head count as such.
    case head
    /// Waiting until every rank has computed its parts.
    case wait
    /// What the sum of gradients takes beyond what goes on beside the backward pass.
    case reduction
    /// The gradient's norm, clipping, and the update.
    case optimizer
    /// All else.
    case other

    /// What reports call it.
    public var name: String { self == .norms ? "norms_and_activations" : "\(self)" }

    /// Whether it has a backward pass, which counts apart.
    public var isOfLayers: Bool { (Phase.embed.rawValue...Phase.head.rawValue).contains(rawValue) }
  }

  /// A phase, forward or backward.
  private struct Place {
    let phase: Phase
    let isBackward: Bool
    var index: Int { 2 * phase.rawValue + (isBackward ? 1 : 0) }
  }

  private var totals = [Duration](repeating: .zero, count: 2 * Phase.allCases.count)
  /// What runs; nil: nothing is measured.
  private var current: Place?
  /// Since when it runs.
  private var start: ContinuousClock.Instant
  private let now: () -> ContinuousClock.Instant

  public convenience init() { self.init { .now } }

  /// - Parameter now: The time.
  init(now: @escaping () -> ContinuousClock.Instant) { (self.now, start) = (now, now()) }

  /// Runs `body` and adds its time to `phase`, less that of phases within it; to its backward pass where one is under
  /// way.
  public func measure<Result>(_ phase: Phase, _ body: () throws -> Result) rethrows -> Result {
    try run(Place(phase: phase, isBackward: current?.isBackward ?? false && phase.isOfLayers), body)
  }

  /// Runs `body` as the backward pass of the phase under way, and of the layers' phases within it.
  public func backward<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let current else { return try body() }
    return try run(Place(phase: current.phase, isBackward: true), body)
  }

  private func run<Result>(_ place: Place, _ body: () throws -> Result) rethrows -> Result {
    let outer = current
    change(to: place)
    defer { change(to: outer) }
    return try body()
  }

  private func change(to place: Place?) {
    let now = now()
    if let current { totals[current.index] += now - start }
    (current, start) = (place, now)
  }

  /// Seconds spent in each phase since the last ``reset()``, in the order of a step: forward, then backward.
  public var seconds: [(name: String, seconds: Double)] {
    func row(_ phase: Phase, isBackward: Bool) -> (String, Double) {
      let total = totals[Place(phase: phase, isBackward: isBackward).index]
      return (phase.name + (isBackward ? "_backward" : ""), total / .seconds(1))
    }
    let layers = Phase.allCases.filter(\.isOfLayers), rest = Phase.allCases.filter { $0.rawValue > Phase.head.rawValue }
    return [row(.plan, isBackward: false)] + layers.map { row($0, isBackward: false) }
      + layers.reversed().map { row($0, isBackward: true) } + rest.map { row($0, isBackward: false) }
  }

  /// Seconds spent in some phases, forward and backward, since the last ``reset()``.
  public func seconds(in phases: [Phase]) -> Double {
    phases.reduce(0) { $0 + (totals[2 * $1.rawValue] + totals[2 * $1.rawValue + 1]) / .seconds(1) }
  }

  /// Their sum: all the time that was measured.
  public var totalSeconds: Double { totals.reduce(.zero, +) / .seconds(1) }

  /// Forgets what was measured. Nothing is under way.
  public func reset() { for index in totals.indices { totals[index] = .zero } }
}
