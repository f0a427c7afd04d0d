import Foundation

/// The learning rate of every step, as the schedulers of Hugging Face's transformers give it.
///
/// Step k is 0 for the first update. With w warm-up steps out of n, relative to the peak:
///
///     k < w         k / w
///     linear        (n - k) / (n - w)
///     cosine        (1 + cos(π (k - w) / (n - w))) / 2
///     polynomial    falls from 1 in a straight line (power 1) to 1e-7 / peak at k = n, and stays there
///     constant      1
public struct LearningRateSchedule: Sendable, Equatable {
  /// The shape after warm-up; the names are those of `lr_scheduler_type`.
  public enum Kind: String, Sendable, CaseIterable {
    case linear, cosine, polynomial, constant
  }

  /// Where a polynomial schedule ends, whatever its peak.
  public static let polynomialEnd = 1e-7

  public let kind: Kind
  /// The rate at the end of warm-up.
  public let peak: Double
  public let warmupSteps: Int
  public let totalSteps: Int

  public init(kind: Kind, peak: Double, warmupSteps: Int, totalSteps: Int) {
    self.kind = kind
    self.peak = peak
    self.warmupSteps = warmupSteps
    self.totalSteps = totalSteps
  }

  /// The rate that optimizer step `step`, from 0, uses.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return peak * Double(step) / Double(max(1, warmupSteps)) }
    let decaySteps = Double(max(1, totalSteps - warmupSteps))
    let progress = Double(step - warmupSteps) / decaySteps
    switch kind {
    case .linear: return peak * max(0, Double(totalSteps - step) / decaySteps)
    case .cosine: return peak * max(0, 0.5 * (1 + cos(Double.pi * progress)))
    case .polynomial: return (peak - Self.polynomialEnd) * (1 - min(1, progress)) + Self.polynomialEnd
    case .constant: return peak
    }
  }
}
