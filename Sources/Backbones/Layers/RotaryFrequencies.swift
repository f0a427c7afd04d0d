import Foundation

/// How fast each pair of a head's numbers turns from one position to the next.
///
///     f_j = theta^(-2 j / w)        j < w / 2, w the head's width (Su et al. 2021)
public struct RotaryFrequencies: Sendable, Equatable {
  /// What a model does to the frequencies to reach further than it was trained.
  public enum Scaling: Sendable, Equatable {
    case none
    /// All are divided by the factor.
    case linear(factor: Double)
    /// Llama 3.1: those slower than `lowFactor` turns within the original context are divided by the factor, those
    /// faster than `highFactor` stay, and between them the two are mixed.
    case llama3(factor: Double, lowFactor: Double, highFactor: Double, originalLength: Double)
  }

  public var theta = 10_000.0
  public var scaling = Scaling.none

  public init(theta: Double = 10_000, scaling: Scaling = .none) {
    self.theta = theta
    self.scaling = scaling
  }

  /// The frequencies in radians a position, rounded to single precision as checkpoints were trained with.
  public func values(headWidth: Int) -> [Float] {
    (0..<headWidth / 2).map { Float(scaled(pow(theta, -2 * Double($0) / Double(headWidth)))) }
  }

  private func scaled(_ frequency: Double) -> Double {
    switch scaling {
    case .none: return frequency
    case .linear(let factor): return frequency / factor
    case .llama3(let factor, let lowFactor, let highFactor, let originalLength):
      let turns = originalLength * frequency / (2 * Double.pi)
      let share = min(max((turns - lowFactor) / (highFactor - lowFactor), 0), 1)
      return (1 - share) * frequency / factor + share * frequency
    }
  }
}

extension RotaryFrequencies {
  /// Reads `rope_parameters`, or the older `rope_theta` and `rope_scaling`.
  ///
  /// - Throws: ``BackboneError`` for a kind of scaling that is not known here.
  init(_ reader: ConfigurationReader) throws {
    let key = try reader.object("rope_parameters") != nil ? "rope_parameters" : "rope_scaling"
    let rope = try reader.object(key) ?? reader.with([:])
    if let (name, _) = rope.json.first(where: { $0.value is [String: Any] }) {
      throw BackboneError.configuration(
        file: reader.file, "\(key) by layer type (\(name)) is not supported; it must hold for every layer")
    }
    theta = try rope.number("rope_theta", default: reader.number("rope_theta", default: 10_000))
    for part in [rope, reader] where try part.number("partial_rotary_factor", default: 1) != 1 {
      throw BackboneError.configuration(file: reader.file, "partial_rotary_factor is not supported; it must be 1")
    }
    let typeKey = rope.json["rope_type"] == nil ? "type" : "rope_type"
    switch try rope.require(typeKey, oneOf: ["default", "linear", "llama3"], default: "default") {
    case "linear": scaling = .linear(factor: try rope.number("factor"))
    case "llama3":
      scaling = .llama3(
        factor: try rope.number("factor"), lowFactor: try rope.number("low_freq_factor"),
        highFactor: try rope.number("high_freq_factor"),
        originalLength: try rope.number(
          "original_max_position_embeddings", default: try reader.number("max_position_embeddings")))
    default: scaling = .none
    }
  }
}
