import Adapters
import Backbones
import Foundation
import Tensors

/// What one rank does in a second of a step, by its phases, while as many cores are busy as in training.
public struct StepRates: Codable, Sendable, Equatable {
  /// What was measured.
  public struct Subject: Codable, Sendable, Equatable {
    /// How the model reads its sequences: decoder_only, encoder_decoder or encoder_only.
    public var architecture: String
    public var width: Int
    public var precision: String
    /// Of a rank.
    public var threads: Int
    /// Cores that all ranks of the host kept busy.
    public var busyCores: Int
    /// Rows of a part, as a power of two.
    public var rowsLog2: Int

    public init(
      architecture: String, width: Int, precision: String, threads: Int, busyCores: Int, rowsLog2: Int
    ) {
      (self.architecture, self.width, self.precision) = (architecture, width, precision)
      (self.threads, self.busyCores, self.rowsLog2) = (threads, busyCores, rowsLog2)
    }
  }

  public var subject: Subject
  /// Floating-point operations a second.
  public var linear, attention, head: Double
  /// Numbers a second.
  public var elements, adapter, optimizer: Double
  /// Rows a second, of what no other phase counts.
  public var rows: Double

  /// The rates of what took some seconds by ``PhaseTimer``'s names; nil where something was not measured.
  ///
  /// - Parameters:
  ///   - work: That rank's, of all steps that were measured.
  ///   - optimizerNumbers: Numbers of all its updates, in the measure of ``optimizerWork(touched:updated:)``.
  public init?(
    _ subject: Subject, work: PassWork, optimizerNumbers: Double, seconds: [NamedValue]
  ) {
    func time(_ names: [String]) -> Double {
      let all = names + names.map { $0 + "_backward" }
      return seconds.reduce(0) { $0 + (all.contains($1.name) ? $1.value : 0) }
    }
    func rate(_ work: Double, _ names: [String]) -> Double { work / max(time(names), 1e-9) }
    guard work.linear > 0, time(["linear"]) > 0 else { return nil }
    self.subject = subject
    linear = rate(work.linear, ["linear"])
    attention = rate(work.attention, ["attention"])
    head = rate(work.head, ["head"])
    elements = rate(work.elements, ["norms_and_activations"])
    adapter = work.adapter > 0 ? rate(work.adapter, ["adapter"]) : elements
    optimizer = rate(optimizerNumbers, ["optimizer"])
    rows = rate(work.rows, ["plan", "embed", "other"])
  }

  /// Numbers that the end of a step reads and writes: of the gradient its norm and zeroes, of the update values, moments
  /// and gradient.
  public static func optimizerWork(touched: Int, updated: Int) -> Double { 2 * Double(touched) + 7 * Double(updated) }

  /// Seconds that a rank takes for some work, by phase.
  public func seconds(_ work: PassWork) -> [NamedValue] {
    [
      NamedValue("linear", work.linear / linear), NamedValue("attention", work.attention / attention),
      NamedValue("adapter", work.adapter / adapter), NamedValue("head", work.head / head),
      NamedValue("norms_and_activations", work.elements / elements), NamedValue("other", work.rows / rows),
    ]
  }

  /// Every rate with a name and a unit, for people.
  public var shown: [(name: String, value: Double)] {
    [
      ("frozen maps, GFLOP/s a rank", linear * 1e-9), ("attention, GFLOP/s", attention * 1e-9),
      ("head, GFLOP/s", head * 1e-9), ("norms and activations, numbers/s", elements),
      ("adapters, numbers/s", adapter), ("optimizer, numbers/s", optimizer), ("other, rows/s", rows),
    ]
  }

  /// As JSON, as profiles hold it.
  public var encoded: Data { get throws { try MachineProfile.encoder.encode(self) } }

  /// Reads ``encoded``.
  public init(encoded: Data) throws { self = try MachineProfile.decoder.decode(Self.self, from: encoded) }

  /// On a machine of the same kind with another rate of products.
  public func scaled(by factor: Double) -> StepRates {
    var result = self
    for path in [\StepRates.linear, \.attention, \.head, \.elements, \.adapter, \.optimizer, \.rows] {
      result[keyPath: path] *= factor
    }
    return result
  }
}

extension StepRates.Subject {
  /// - Parameter rows: Of a part.
  public init(_ backbone: any Backbone, precision: Precision, threads: Int, busyCores: Int, rows: Double) {
    self.init(
      architecture: backbone.architecture.profileName, width: backbone.width, precision: precision.rawValue,
      threads: threads, busyCores: busyCores, rowsLog2: rows > 1 ? Int(rows.logarithm2.rounded()) : 0)
  }

  /// How far another measurement's subject is from this one; nil: it says nothing of it.
  func distance(_ other: StepRates.Subject) -> Double? {
    guard other.architecture == architecture, other.precision == precision, other.threads == threads,
      other.busyCores == busyCores, other.width * 4 >= width * 3, other.width * 3 <= width * 4,
      abs(other.rowsLog2 - rowsLog2) <= 1
    else { return nil }
    return abs((Double(other.width) / Double(width)).logarithm2) + Double(abs(other.rowsLog2 - rowsLog2)) / 4
  }
}

extension MachineProfile {
  /// The rates that fit best; nil: none were measured that fit.
  public func rates(for subject: StepRates.Subject) -> StepRates? {
    steps.compactMap { rates in subject.distance(rates.subject).map { (rates, $0) } }.min { $0.1 < $1.1 }?.0
  }
}

extension Architecture {
  var profileName: String {
    switch self {
    case .decoderOnly: "decoder_only"
    case .encoderDecoder: "encoder_decoder"
    case .encoderOnly: "encoder_only"
    }
  }
}

extension Backbone {
  /// The width of a layer's rows.
  var width: Int { linears.map { min($0.inputs, $0.outputs) }.max() ?? 1 }
}
