import Foundation

/// A network between nodes: what passes in a second, and how long a message is under way.
public struct NetworkSpeed: Sendable, Equatable {
  /// Bytes a second, of what is sent: without the frames around it.
  public let bytesPerSecond: Double
  /// Seconds that a message takes beside its bytes.
  public let delay: Double

  public init(bytesPerSecond: Double, delay: Double) { (self.bytesPerSecond, self.delay) = (bytesPerSecond, delay) }

  /// Of what a wire carries, the share that is not frames and headers, where packets are full: 1448 of 1538 bytes.
  static let payload = 1448.0 / 1538

  /// Reads a speed in bits a second and a delay, such as "25Gbit,2us".
  ///
  /// - Throws: ``PlanError/badNetwork(_:)``.
  public init(_ text: String) throws(PlanError) {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
      $0.trimmingCharacters(in: .whitespaces).lowercased()
    }
    guard parts.count == 2,
      let bits = Self.number(parts[0], ["tbit": 1e12, "gbit": 1e9, "mbit": 1e6, "kbit": 1e3]),
      let delay = Self.number(parts[1], ["ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1]),
      (1e3...1e14).contains(bits), (1e-8...1).contains(delay)
    else { throw .badNetwork(text) }
    self.init(bytesPerSecond: bits / 8 * Self.payload, delay: delay)
  }

  private static func number(_ text: String, _ units: [String: Double]) -> Double? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text.dropFirst(digits.count).trimmingCharacters(in: .whitespaces).replacing("/s", with: "")
    guard let number = Double(digits), let factor = units[unit] else { return nil }
    return number * factor
  }
}
