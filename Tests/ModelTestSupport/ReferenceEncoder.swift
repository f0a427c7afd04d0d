import Backbones
import Foundation

/// BERT and RoBERTa in double precision, a token and a number at a time: the plain reading of the formulas.
public struct ReferenceEncoder: ReferenceModel {
  public let configuration: EncoderConfiguration
  public var values: [String: [Double]]
  /// The rule of an adapter; nil: the bare model.
  public var adapter: ReferenceGPT2.Rule?
  public var ownLoss: ReferenceGPT2.OwnLoss?
  public var operand: (Double) -> Double = { $0 }
  /// The paths of the heads that an adapter brings for its tasks, by their place.
  public var taskHeads: [String] = []

  /// The sequence that a map's rows belong to.
  private typealias Origin = (ordinal: UInt64, task: Int)

  public init(_ configuration: EncoderConfiguration, _ arrays: [String: [Float]]) {
    self.configuration = configuration
    values = arrays.mapValues { $0.map(Double.init) }
  }

  public func predictions(_ sequence: TestSequence) -> [(logits: [Double], label: Int32)] {
    let origin = (sequence.ordinal, sequence.task)
    var x = embed(sequence)
    for layer in 0..<configuration.layerCount { x = block(x, layer, origin) }
    guard sequence.labels.isEmpty else {
      return zip(x, sequence.labels).map { (tokenLogits($0, origin), $1) }
    }
    guard let label = sequence.label else { return [] }
    return [(classLogits(x[0], sequence.head, origin), Int32(exactly: label) ?? 0)]
  }

  /// The cross-entropy or, where a head gives a number, the squared error.
  public func loss(of sequence: TestSequence) -> Double {
    let predictions = predictions(sequence)
    guard let label = sequence.label, let logits = predictions.first?.logits, logits.count == 1 else {
      return crossEntropy(predictions)
    }
    return pow(logits[0] - label, 2)
  }

  private var prefix: String { configuration.kind.rawValue + "." }

  private func embed(_ sequence: TestSequence) -> [[Double]] {
    let path = prefix + "embeddings."
    let types = sequence.tokenTypes.isEmpty ? sequence.tokens.map { _ in 0 } : sequence.tokenTypes
    return zip(sequence.tokens, zip(places(sequence.tokens), types)).map { token, place in
      let parts = [
        row(Int(token), of: path + "word_embeddings"), row(place.0, of: path + "position_embeddings"),
        row(Int(place.1), of: path + "token_type_embeddings"),
      ]
      return norm(parts.reduce([Double](repeating: 0, count: configuration.width), sum), path + "LayerNorm")
    }
  }

  /// RoBERTa counts what is no padding from behind the padding's place, where all padding stays.
  private func places(_ tokens: [Int32]) -> [Int] {
    guard configuration.kind == .roberta else { return Array(tokens.indices) }
    let padding = configuration.paddingId
    return tokens.indices.map { place in
      tokens[place] == padding ? Int(padding) : Int(padding) + tokens[...place].count { $0 != padding }
    }
  }

  private func row(_ index: Int, of table: String) -> [Double] {
    let width = configuration.width
    return Array(values[table + ".weight"]![index * width..<(index + 1) * width])
  }

  private func block(_ x: [[Double]], _ layer: Int, _ origin: Origin) -> [[Double]] {
    let path = prefix + "encoder.layer.\(layer)."
    let part = path + "attention.self."
    let q = rows(part + "query", x, origin), k = rows(part + "key", x, origin), v = rows(part + "value", x, origin)
    let attended = rows(path + "attention.output.dense", attention(q, k, v), origin)
    let middle = zip(x, attended).map { norm(sum($0, $1), path + "attention.output.LayerNorm") }
    let expanded = rows(path + "intermediate.dense", middle, origin).map { $0.map(activation) }
    return zip(middle, rows(path + "output.dense", expanded, origin)).map {
      norm(sum($0, $1), path + "output.LayerNorm")
    }
  }

  private func attention(_ q: [[Double]], _ k: [[Double]], _ v: [[Double]]) -> [[Double]] {
    let width = configuration.width / configuration.headCount, scale = 1 / Double(width).squareRoot()
    return q.indices.map { t in
      (0..<configuration.headCount).flatMap { head -> [Double] in
        let columns = head * width..<(head + 1) * width
        let weights = k.map { row in exp(scale * columns.reduce(0) { $0 + q[t][$1] * row[$1] }) }
        let total = weights.reduce(0, +)
        return columns.map { j in v.indices.reduce(0) { $0 + weights[$1] / total * v[$1][j] } }
      }
    }
  }

  private func activation(_ x: Double) -> Double {
    switch configuration.activation {
    case .gelu: x * 0.5 * erfc(-x / 2.squareRoot())
    case .geluTanh: ReferenceGPT2.gelu(x)
    case .relu: max(x, 0)
    }
  }

  // MARK: Heads

  private func classLogits(_ h: [Double], _ head: HeadChoice, _ origin: Origin) -> [Double] {
    var path = "classifier"
    if case .taskClassifier(let place) = head { path = taskHeads[place] }
    let isRoberta = configuration.kind == .roberta
    let pooled = apply(isRoberta ? path + ".dense" : prefix + "pooler.dense", h, origin, 0).map { tanh($0) }
    return apply(isRoberta ? path + ".out_proj" : path, pooled, origin, 0)
  }

  private func tokenLogits(_ h: [Double], _ origin: Origin) -> [Double] {
    let isBERT = configuration.kind == .bert
    let path = isBERT ? "cls.predictions." : "lm_head."
    let transformed = apply(path + (isBERT ? "transform.dense" : "dense"), h, origin, 0).map(activation)
    let normed = norm(transformed, path + (isBERT ? "transform.LayerNorm" : "layer_norm"))
    let table = values[path + "decoder.weight"] ?? values[prefix + "embeddings.word_embeddings.weight"]!
    return sum(product(table, normed), values[path + "bias"]!)
  }

  // MARK: Parts

  private func rows(_ path: String, _ x: [[Double]], _ origin: Origin) -> [[Double]] {
    x.enumerated().map { apply(path, $1, origin, $0) }
  }

  private func apply(_ path: String, _ x: [Double], _ origin: Origin, _ position: Int) -> [Double] {
    let weight = values[path + ".weight"]!, bias = values[path + ".bias"]!
    func base(_ x: [Double]) -> [Double] { sum(product(weight, x), bias) }
    guard let adapter else { return base(x) }
    return adapter(
      .init(path: path, x: x, ordinal: origin.ordinal, task: origin.task, position: position, base: base), values)
  }

  private func product(_ weight: [Double], _ x: [Double]) -> [Double] {
    let x = x.map(operand)
    return (0..<weight.count / x.count).map { j in x.indices.reduce(0) { $0 + x[$1] * weight[j * x.count + $1] } }
  }

  private func norm(_ x: [Double], _ path: String) -> [Double] {
    let gamma = values[path + ".weight"]!, beta = values[path + ".bias"]!
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    let scale = 1 / (variance + Double(configuration.epsilon)).squareRoot()
    return x.indices.map { (x[$0] - mean) * scale * gamma[$0] + beta[$0] }
  }

  private func sum(_ x: [Double], _ y: [Double]) -> [Double] { zip(x, y).map { $0 + $1 } }
}

extension TestSequence {
  /// Ragged sequences for an encoder, of two segments each.
  ///
  /// - Parameter segmentCount: 1: all tokens have type 0.
  public static func segments(segmentCount: Int = 2) -> [TestSequence] {
    ragged().map { sequence in
      var sequence = sequence
      sequence.labels = []
      let half = sequence.tokens.count / 2
      if segmentCount > 1 { sequence.tokenTypes = sequence.tokens.indices.map { $0 > half ? 1 : 0 } }
      return sequence
    }
  }

  /// Ragged sequences with a class each, the last of three or, with `areNumbers`, a number.
  public static func classified(areNumbers: Bool = false, segmentCount: Int = 2) -> [TestSequence] {
    zip(segments(segmentCount: segmentCount), areNumbers ? [0.25, -1.5, 3] : [1, 0, 2]).map { sequence, label in
      var sequence = sequence
      sequence.label = label
      return sequence
    }
  }

  /// Ragged sequences with labels at some of their tokens.
  public static func masked(segmentCount: Int = 2) -> [TestSequence] {
    zip(segments(segmentCount: segmentCount), ragged()).map { sequence, labelled in
      var sequence = sequence
      sequence.labels = labelled.labels
      return sequence
    }
  }
}
