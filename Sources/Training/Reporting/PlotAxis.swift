import Foundation

/// An axis that begins and ends at round numbers.
struct PlotAxis {
  /// Round numbers, from the axis's beginning to its end.
  let ticks: [Double]
  private let digits: Int

  /// - Parameter values: What it has to reach; finite.
  init(_ values: [Double]) {
    let low = values.min() ?? 0, high = values.max() ?? 1
    // Equal values stand in the middle.
    let room = high - low > 1e-9 * max(abs(low), abs(high)) ? 0 : max(abs(low) * 0.1, 0.5)
    let raw = (high - low + 2 * room) / 5, power = pow(10, floor(log10(raw)))
    let step = power * ([1, 2, 5].first { $0 * power >= raw * (1 - 1e-9) } ?? 10)
    let first = floor((low - room) / step + 1e-9), last = ceil((high + room) / step - 1e-9)
    ticks = stride(from: first, through: last, by: 1).map { $0 * step + 0 }
    digits = max(0, Int(-floor(log10(step) + 1e-9)))
  }

  /// Where a value lies between the axis's beginning, 0, and its end, 1.
  func share(_ value: Double) -> Double { (value - ticks[0]) / (ticks[ticks.count - 1] - ticks[0]) }

  /// A tick as text, as many digits as the step between ticks has.
  func label(_ tick: Double) -> String {
    digits <= 6 && abs(tick) < 1e7 ? String(format: "%.\(digits)f", tick) : Formatting.number(tick)
  }
}
