import Foundation

/// How numbers are shown to people.
public enum Formatting {
  /// A time span in its two largest units: `45 s`, `3 min 20 s`, `1 h 02 min`, `2 d 03 h`.
  ///
  /// - Parameter seconds: The span; `?` for one that is negative or not finite.
  public static func duration(seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 1e12 else { return "?" }
    let total = Int(seconds.rounded())
    let (minutes, hours, days) = (total / 60, total / 3600, total / 86400)
    if days > 0 { return String(format: "%d d %02d h", days, hours % 24) }
    if hours > 0 { return String(format: "%d h %02d min", hours, minutes % 60) }
    if minutes > 0 { return String(format: "%d min %02d s", minutes, total % 60) }
    return "\(total) s"
  }

  /// A number in four significant digits, without a tail of zeros: `1.234`, `4.8e-05`, `12340`.
  public static func number(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    let isPlain = value == 0 || (1e-3..<1e6).contains(abs(value))
    return isPlain && abs(value) >= 1000 ? String(format: "%.0f", value) : String(format: "%.4g", value)
  }

  /// A number in the shortest form that reads back to the same: `0.3`, `2`, `1e-05`.
  public static func shortest(_ value: Double) -> String {
    let text = "\(value)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  /// A whole number with its thousands set apart: `1,234,567`.
  public static func count(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    let groups = digits.enumerated().map { index, digit in
      (index > 0 && (digits.count - index) % 3 == 0 ? "," : "") + String(digit)
    }
    return (value < 0 ? "-" : "") + groups.joined()
  }

  /// Bytes in the unit that suits them, one digit after the point: `12 KiB`, `3.4 MiB`, `1.5 GiB`.
  public static func bytes(_ count: Int) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count), unit = 0
    while value >= 1023.95, unit + 1 < units.count { (value, unit) = (value / 1024, unit + 1) }
    return "\(shortest((value * 10).rounded() / 10)) \(units[unit])"
  }

  /// A share of one in percent, two digits after the point: `0.24 %`.
  public static func percent(_ share: Double) -> String { String(format: "%.2f %%", share * 100) }
}
