import Backbones
import Foundation

/// T5 in double precision, a token and a number at a time: the plain reading of the formulas.
public struct ReferenceT5: ReferenceModel {
  public let configuration: T5Configuration
  public var values: [String: [Double]]
  /// The rule of an adapter; nil: the bare model.
  public var adapter: ReferenceGPT2.Rule?
  public var ownLoss: ReferenceGPT2.OwnLoss?
  public var operand: (Double) -> Double = { $0 }

  /// The sequence that a map's rows belong to.
  private typealias Origin = (ordinal: UInt64, task: Int)

  public init(_ configuration: T5Configuration, _ arrays: [String: [Float]]) {
    self.configuration = configuration
    values = arrays.mapValues { $0.map(Double.init) }
  }

  public func predictions(_ sequence: TestSequence) -> [(logits: [Double], label: Int32)] {
    let origin = (sequence.ordinal, sequence.task)
    let special = configuration.decoderTokens
    let states = stack("encoder", configuration.encoderLayerCount, embed(sequence.tokens), nil, origin)
    let inputs = [special.start] + sequence.labels.dropLast().map { $0 < 0 ? special.padding : $0 }
    let hidden = stack("decoder", configuration.decoderLayerCount, embed(inputs), states, origin)
    return zip(hidden.map(logits), sequence.labels).map { ($0, $1) }
  }

  private func embed(_ tokens: [Int32]) -> [[Double]] {
    let words = values["shared.weight"]!, width = configuration.width
    return tokens.map { Array(words[Int($0) * width..<(Int($0) + 1) * width]) }
  }

  private func logits(_ hidden: [Double]) -> [Double] {
    let head = values["lm_head.weight"] ?? values["shared.weight"]!, width = configuration.width
    let scale = configuration.scalesOutputs ? pow(Double(width), -0.5) : 1
    let scaled = hidden.map { operand($0 * scale) }
    return (0..<configuration.vocabularySize).map { token in
      (0..<width).reduce(0) { $0 + head[token * width + $1] * scaled[$1] }
    }
  }

  /// - Parameter states: The encoder's; nil in the encoder.
  private func stack(
    _ name: String, _ layerCount: Int, _ start: [[Double]], _ states: [[Double]]?, _ origin: Origin
  ) -> [[Double]] {
    var x = start
    for layer in 0..<layerCount {
      var path = "\(name).block.\(layer).layer.0."
      let own = x.map { norm($0, path + "layer_norm") }
      x = sum(x, attention(path + "SelfAttention.", own, own, bias: name, isCausal: states != nil, origin))
      if let states {
        path = "\(name).block.\(layer).layer.1."
        let queries = x.map { norm($0, path + "layer_norm") }
        x = sum(x, attention(path + "EncDecAttention.", queries, states, bias: nil, isCausal: false, origin))
      }
      path = "\(name).block.\(layer).layer.\(states == nil ? 1 : 2)."
      x = sum(x, feedForward(path + "DenseReluDense.", x.map { norm($0, path + "layer_norm") }, origin))
    }
    return x.map { norm($0, name + ".final_layer_norm") }
  }

  private func feedForward(_ path: String, _ x: [[Double]], _ origin: Origin) -> [[Double]] {
    switch configuration.feedForward {
    case .relu: return map(path + "wo", map(path + "wi", x, origin).map { $0.map { max($0, 0) } }, origin)
    case .gelu: return map(path + "wo", map(path + "wi", x, origin).map { $0.map(ReferenceGPT2.gelu) }, origin)
    case .gatedGELU:
      let gates = map(path + "wi_0", x, origin), ups = map(path + "wi_1", x, origin)
      return map(path + "wo", zip(gates, ups).map { zip($0, $1).map { ReferenceGPT2.gelu($0) * $1 } }, origin)
    }
  }

  /// - Parameter bias: The stack whose first layer's biases are added; nil: none.
  private func attention(
    _ path: String, _ x: [[Double]], _ read: [[Double]], bias stack: String?, isCausal: Bool, _ origin: Origin
  ) -> [[Double]] {
    let q = map(path + "q", x, origin), k = map(path + "k", read, origin), v = map(path + "v", read, origin)
    let width = configuration.headWidth
    let context = q.indices.map { t in
      (0..<configuration.headCount).flatMap { head -> [Double] in
        let columns = head * width..<(head + 1) * width
        let weights = read.indices.map { s -> Double in
          guard !isCausal || s <= t else { return 0 }
          return exp(columns.reduce(bias(stack, head, s - t)) { $0 + q[t][$1] * k[s][$1] })
        }
        let total = weights.reduce(0, +)
        return columns.map { j in read.indices.reduce(0) { $0 + weights[$1] / total * v[$1][j] } }
      }
    }
    return map(path + "o", context, origin)
  }

  private func bias(_ stack: String?, _ head: Int, _ distance: Int) -> Double {
    guard let stack else { return 0 }
    let table = values[stack + ".block.0.layer.0.SelfAttention.relative_attention_bias.weight"]!
    return table[bucket(distance, isBidirectional: stack == "encoder") * configuration.headCount + head]
  }

  /// Raffel et al. 2020, section 2.1: exact distances first, then ever longer ranges.
  private func bucket(_ distance: Int, isBidirectional: Bool) -> Int {
    let count = configuration.bucketCount / (isBidirectional ? 2 : 1)
    let offset = isBidirectional && distance > 0 ? count : 0
    let size = isBidirectional ? abs(distance) : max(0, -distance), exact = count / 2
    guard size >= exact else { return offset + size }
    let share = log(Double(size) / Double(exact)) / log(Double(configuration.maximumDistance) / Double(exact))
    return offset + min(count - 1, exact + Int(share * Double(count - exact)))
  }

  private func map(_ path: String, _ rows: [[Double]], _ origin: Origin) -> [[Double]] {
    let weight = values[path + ".weight"]!
    return rows.enumerated().map { position, x in
      func base(_ x: [Double]) -> [Double] {
        let x = x.map(operand)
        return (0..<weight.count / x.count).map { j in x.indices.reduce(0) { $0 + x[$1] * weight[j * x.count + $1] } }
      }
      guard let adapter else { return base(x) }
      return adapter(
        .init(path: path, x: x, ordinal: origin.ordinal, task: origin.task, position: position, base: base), values)
    }
  }

  private func norm(_ x: [Double], _ path: String) -> [Double] {
    let weight = values[path + ".weight"]!
    let scale = 1 / (x.reduce(0) { $0 + $1 * $1 } / Double(x.count) + Double(configuration.epsilon)).squareRoot()
    return x.indices.map { x[$0] * scale * weight[$0] }
  }

  private func sum(_ x: [[Double]], _ y: [[Double]]) -> [[Double]] {
    zip(x, y).map { zip($0, $1).map { $0 + $1 } }
  }
}
