/// Adds up the wall time of the parts of a step.
public final class PhaseTimer {
  /// The parts of a step.
  public enum Phase: String, CaseIterable, Sendable {
    case plan, forward, logits, backward, reduction, update
  }

  private var totals: [Phase: Duration] = [:]

  public init() {}

  /// Runs `body` and adds its time to `phase`.
  public func measure<Result>(_ phase: Phase, _ body: () throws -> Result) rethrows -> Result {
    let start = ContinuousClock.now
    defer { totals[phase, default: .zero] += ContinuousClock.now - start }
    return try body()
  }

  /// Seconds spent in each phase since the last ``reset()``.
  public var seconds: [Phase: Double] { totals.mapValues { $0 / .seconds(1) } }

  public func reset() { totals.removeAll(keepingCapacity: true) }
}
