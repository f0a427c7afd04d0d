import Backbones
import Foundation

/// GPT-2 in double precision, a token and a number at a time: the plain reading of the formulas.
public struct ReferenceGPT2: ReferenceCausalModel {
  /// A linear map about to be applied to one row, for adapters to change.
  public struct Application {
    public let path: String
    public let x: [Double]
    /// The sequence's running number and task, and the row's place in it.
    public let ordinal: UInt64
    public let task: Int
    public let position: Int
    /// The map without its adapter.
    public let base: ([Double]) -> [Double]
  }

  public let configuration: GPT2Configuration
  /// All numbers by their names in the files; those of an adapter too.
  public var values: [String: [Double]]
  /// The rule of an adapter; nil: the bare model.
  public var adapter: Rule?
  /// Where the rule puts losses of its own, beside the labels'; nil: it has none.
  public var ownLoss: OwnLoss?
  public var operand: (Double) -> Double = { $0 }

  /// What an adapter makes of one row.
  public typealias Rule = (Application, _ values: [String: [Double]]) -> [Double]

  /// Losses that a rule adds up while it runs.
  public final class OwnLoss {
    public var sum = 0.0

    public init() {}
  }

  public init(_ configuration: GPT2Configuration, _ arrays: [String: [Float]]) {
    self.configuration = configuration
    values = arrays.mapValues { $0.map(Double.init) }
  }

  /// The logits at every position of one sequence.
  public func logits(_ tokens: [Int32], ordinal: UInt64 = 0, task: Int = 0) -> [[Double]] {
    let width = configuration.width
    let words = values["transformer.wte.weight"]!, places = values["transformer.wpe.weight"]!
    var x = tokens.enumerated().map { position, token in
      (0..<width).map { words[Int(token) * width + $0] + places[position * width + $0] }
    }
    for layer in 0..<configuration.layerCount { x = block(x, layer, (ordinal, task)) }
    let head = values["lm_head.weight"] ?? words
    return x.map { row in
      let hidden = norm(row, "transformer.ln_f").map(operand)
      return (0..<configuration.vocabularySize).map { token in
        (0..<width).reduce(0) { $0 + head[token * width + $1] * hidden[$1] }
      }
    }
  }

  private typealias Origin = (ordinal: UInt64, task: Int)

  private func block(_ x: [[Double]], _ layer: Int, _ origin: Origin) -> [[Double]] {
    let path = "transformer.h.\(layer)."
    func map(_ name: String, _ rows: [[Double]]) -> [[Double]] {
      rows.enumerated().map { apply(path + name, $1, origin, $0) }
    }
    let qkv = map("attn.c_attn", x.map { norm($0, path + "ln_1") })
    let middle = sum(x, map("attn.c_proj", attention(qkv, layer)))
    let expanded = map("mlp.c_fc", middle.map { norm($0, path + "ln_2") })
    return sum(middle, map("mlp.c_proj", expanded.map { $0.map(Self.gelu) }))
  }

  private func apply(_ path: String, _ x: [Double], _ origin: Origin, _ position: Int) -> [Double] {
    let weight = values[path + ".weight"]!, bias = values[path + ".bias"]!
    func base(_ x: [Double]) -> [Double] {
      var y = bias
      for (i, value) in x.map(operand).enumerated() {
        for j in y.indices { y[j] += value * weight[i * y.count + j] }
      }
      return y
    }
    guard let adapter else { return base(x) }
    let call = Application(
      path: path, x: x, ordinal: origin.ordinal, task: origin.task, position: position, base: base)
    return adapter(call, values)
  }

  private func attention(_ qkv: [[Double]], _ layer: Int) -> [[Double]] {
    let width = configuration.width, headWidth = width / configuration.headCount
    var scale = configuration.scalesScores ? 1 / Double(headWidth).squareRoot() : 1
    if configuration.scalesByLayer { scale /= Double(layer + 1) }
    return qkv.indices.map { t in
      (0..<configuration.headCount).flatMap { head -> [Double] in
        let columns = head * headWidth..<(head + 1) * headWidth
        let weights = (0...t).map { s in
          exp(scale * columns.reduce(0) { $0 + qkv[t][$1] * qkv[s][width + $1] })
        }
        let total = weights.reduce(0, +)
        return columns.map { j in
          weights.enumerated().reduce(0) { $0 + $1.element / total * qkv[$1.offset][2 * width + j] }
        }
      }
    }
  }

  private func norm(_ x: [Double], _ path: String) -> [Double] {
    let gamma = values[path + ".weight"]!, beta = values[path + ".bias"]!
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    let scale = 1 / (variance + Double(configuration.epsilon)).squareRoot()
    return x.indices.map { (x[$0] - mean) * scale * gamma[$0] + beta[$0] }
  }

  static func gelu(_ x: Double) -> Double {
    0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
  }

  private func sum(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    zip(x, y).map { zip($0, $1).map { $0 + $1 } }
  }
}
