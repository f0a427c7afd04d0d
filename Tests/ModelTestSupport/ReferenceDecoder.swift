import Backbones
import Foundation

/// A decoder of Llama's kind in double precision, a token and a number at a time: the plain reading of the formulas.
public struct ReferenceDecoder: ReferenceCausalModel {
  public let configuration: DecoderConfiguration
  public var values: [String: [Double]]
  /// The rule of an adapter; nil: the bare model.
  public var adapter: ReferenceGPT2.Rule?
  public var ownLoss: ReferenceGPT2.OwnLoss?
  public var operand: (Double) -> Double = { $0 }

  /// The row that a map is applied to: its sequence and its place in it.
  private typealias Place = (ordinal: UInt64, task: Int, position: Int)

  public init(_ configuration: DecoderConfiguration, _ arrays: [String: [Float]]) {
    self.configuration = configuration
    values = arrays.mapValues { $0.map(Double.init) }
  }

  public func logits(_ tokens: [Int32], ordinal: UInt64 = 0, task: Int = 0) -> [[Double]] {
    let width = configuration.width, words = values["model.embed_tokens.weight"]!
    let places = tokens.indices.map { (ordinal, task, $0) }
    var x = tokens.map { token in
      (0..<width).map { Double(configuration.embeddingScale) * words[Int(token) * width + $0] }
    }
    for layer in 0..<configuration.layerCount { x = block(x, layer, places) }
    let head = values["lm_head.weight"] ?? words
    return x.map { row in
      let hidden = norm(row, "model.norm").map(operand)
      return (0..<configuration.vocabularySize).map { token in
        capped((0..<width).reduce(0) { $0 + head[token * width + $1] * hidden[$1] }, configuration.logitCap)
      }
    }
  }

  private func block(_ x: [[Double]], _ layer: Int, _ places: [Place]) -> [[Double]] {
    let path = "model.layers.\(layer).", twoMore = configuration.normalizesOutputs
    func map(_ name: String, _ rows: [[Double]]) -> [[Double]] {
      zip(rows, places).map { apply(path + name, $0, $1) }
    }
    func normed(_ name: String, _ rows: [[Double]]) -> [[Double]] { rows.map { norm($0, path + name) } }
    let a = normed("input_layernorm", x)
    let attended = map(
      "self_attn.o_proj",
      attention(map("self_attn.q_proj", a), map("self_attn.k_proj", a), map("self_attn.v_proj", a), layer))
    let middle = sum(x, twoMore ? normed("post_attention_layernorm", attended) : attended)
    let b = normed(twoMore ? "pre_feedforward_layernorm" : "post_attention_layernorm", middle)
    let active = zip(map("mlp.gate_proj", b), map("mlp.up_proj", b)).map { gate, up in
      zip(gate, up).map { activation($0) * $1 }
    }
    let fed = map("mlp.down_proj", active)
    return sum(middle, twoMore ? normed("post_feedforward_layernorm", fed) : fed)
  }

  private func activation(_ x: Double) -> Double {
    switch configuration.activation {
    case .silu: x / (1 + exp(-x))
    case .geluTanh: ReferenceGPT2.gelu(x)
    }
  }

  private func apply(_ path: String, _ x: [Double], _ place: Place) -> [Double] {
    let weight = values[path + ".weight"]!, outputs = weight.count / x.count
    let bias = values[path + ".bias"] ?? Array(repeating: 0, count: outputs)
    func base(_ x: [Double]) -> [Double] {
      let x = x.map(operand)
      return bias.indices.map { j in x.indices.reduce(bias[j]) { $0 + x[$1] * weight[j * x.count + $1] } }
    }
    guard let adapter else { return base(x) }
    return adapter(
      .init(path: path, x: x, ordinal: place.ordinal, task: place.task, position: place.position, base: base), values)
  }

  private func attention(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]], _ layer: Int) -> [[Double]] {
    let width = configuration.headWidth, group = configuration.headCount / configuration.keyHeadCount
    let scale = 1 / Double(configuration.scoreDivisor).squareRoot()
    func head(_ row: [Double], _ head: Int, _ norm: String, _ position: Int) -> [Double] {
      var part = Array(row[head * width..<(head + 1) * width])
      if configuration.normalizesHeads { part = self.norm(part, "model.layers.\(layer).self_attn.\(norm)") }
      return rotated(part, position)
    }
    return q.indices.map { t in
      (0..<configuration.headCount).flatMap { h -> [Double] in
        let query = head(q[t], h, "q_norm", t)
        let seen = max(0, t + 1 - (configuration.windows[layer] ?? t + 1))...t
        let weights = seen.map { s in
          let key = head(k[s], h / group, "k_norm", s)
          return exp(capped(scale * zip(query, key).reduce(0) { $0 + $1.0 * $1.1 }, configuration.scoreCap))
        }
        let total = weights.reduce(0, +)
        return (0..<width).map { j in
          zip(seen, weights).reduce(0) { $0 + $1.1 / total * v[$1.0][h / group * width + j] }
        }
      }
    }
  }

  private func rotated(_ x: [Double], _ position: Int) -> [Double] {
    let half = x.count / 2, frequencies = configuration.rotary.values(headWidth: x.count)
    return x.indices.map { j in
      let angle = Double(Float(position) * frequencies[j % half])
      return j < half
        ? x[j] * cos(angle) - x[j + half] * sin(angle) : x[j] * cos(angle) + x[j - half] * sin(angle)
    }
  }

  private func capped(_ x: Double, _ cap: Float?) -> Double { cap.map { Double($0) * tanh(x / Double($0)) } ?? x }

  private func norm(_ x: [Double], _ path: String) -> [Double] {
    let weight = values[path + ".weight"]!
    let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + Double(configuration.epsilon)).squareRoot()
    return x.indices.map { x[$0] * scale * (Double(configuration.normOffset) + weight[$0]) }
  }

  private func sum(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    zip(x, y).map { zip($0, $1).map { $0 + $1 } }
  }
}
