import Foundation
import Tensors

@testable import Backbones

/// Kinds of attention, of heads 3 wide.
enum AttentionKind: CaseIterable {
  case causal, grouped, oneKeyHead, capped, windowed, everything
  case bidirectional, biasedBidirectional, biasedCausal, cross

  var isCausal: Bool { ![.bidirectional, .biasedBidirectional, .cross].contains(self) }
  var isBiased: Bool { [.biasedBidirectional, .biasedCausal].contains(self) }

  var attention: Attention {
    Attention(
      headCount: [.grouped: 4, .oneKeyHead: 3, .everything: 6][self] ?? 2, keyHeadCount: self == .oneKeyHead ? 1 : 2,
      headWidth: 3, scale: isBiased ? 1 : 0.6, mask: isCausal ? .causal : .full,
      softCap: [.capped, .everything].contains(self) ? 1.5 : nil, window: [.windowed: 4, .everything: 130][self])
  }

  /// Those of the queries; for another stream of its own lengths, longer and shorter ones.
  func keyLengths(_ queries: [Int]) -> [Int] {
    self == .cross ? queries.enumerated().map { $0 % 2 == 0 ? $1 + 150 : max(1, $1 / 2) } : queries
  }

  /// A bias that tells head and distance apart.
  static func bias(_ head: Int, _ distance: Int) -> Float { Float(sin(Double(distance) * 0.37 + Double(head))) }
}

/// One run of attention on random numbers, by the layer under test and by the plain loop.
struct AttentionTrial {
  let kind: AttentionKind
  let inputs: Attention.Inputs
  /// The gradient of the output, and the gradient that the bias gets from ``backward(_:)``; nil without a bias.
  let dy: Matrix, dBias: DistanceBias?
  private let pass: Pass
  private let seen: [KeyRanges]
  private let bias: DistanceBias?
  private let workspace = Workspace(minimumChunk: 1)

  /// Segments end to end, each of which sees all the keys of a segment of the keys' lengths.
  init(_ kind: AttentionKind, queries: [Int], keys: [Int]) {
    let starts = keys.reduce(into: [0]) { $0.append($0.last! + $1) }
    self.init(kind, queries: queries, seeing: keys.indices.map { KeyRanges([starts[$0]..<starts[$0 + 1]]) })
  }

  /// Segments end to end, and what each of them sees.
  init(_ kind: AttentionKind, queries: [Int], seeing seen: [KeyRanges]) {
    (self.kind, self.seen) = (kind, seen)
    let workspace = workspace, attention = kind.attention
    func numbers(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
      let matrix = workspace.matrix(rows, columns)
      RandomKey(seed: seed).fillNormal(matrix.elements, standardDeviation: 1)
      return matrix
    }
    let queryCount = queries.reduce(0, +), keyCount = seen.flatMap(\.ranges).map(\.upperBound).max()!
    inputs = .init(
      q: numbers(queryCount, attention.width, 1), k: numbers(keyCount, attention.keyWidth, 2),
      v: numbers(keyCount, attention.keyWidth, 3))
    dy = numbers(queryCount, attention.width, 4)
    var rows = Rows()
    for (segment, length) in queries.enumerated() {
      rows.append(positions: 0..<Int32(length), .init(example: segment, route: 0, ordinal: 0))
    }
    pass = Pass(rows, randomKey: nil, keepsActivations: true, saved: workspace, scratch: Workspace(minimumChunk: 1))
    let reach = max(queryCount, keyCount)
    func distances(_ value: (Int, Int) -> Float) -> DistanceBias? {
      guard kind.isBiased else { return nil }
      let bias = DistanceBias(headCount: attention.headCount, reach: reach, workspace)
      for head in 0..<attention.headCount {
        for distance in -reach...reach { bias.values[head, reach + distance] = value(head, distance) }
      }
      return bias
    }
    bias = distances(AttentionKind.bias)
    dBias = distances { _, _ in 0 }
  }

  // MARK: The plain loop

  private func plain(_ segment: Int) -> PlainAttention {
    let attention = kind.attention, visible = seen[segment].visible
    return PlainAttention(
      headCount: attention.headCount, keyHeadCount: attention.keyHeadCount, headWidth: 3,
      scale: Double(attention.scale), softCap: attention.softCap.map(Double.init),
      bias: kind.isBiased ? { Double(AttentionKind.bias($0, $1)) } : nil
    ) { query, key in
      guard attention.mask == .causal else { return true }
      return key < visible || (key <= query && key > query - (attention.window ?? .max))
    }
  }

  private func sequence(_ segment: Int) -> PlainAttention.Sequence {
    func keys(_ x: Matrix) -> [Double] { seen[segment].ranges.flatMap { x.rows($0).array().map(Double.init) } }
    let rows = pass.rows(of: segment), keyCount = seen[segment].count
    return .init(
      q: inputs.q.rows(rows).array().map(Double.init), k: keys(inputs.k), v: keys(inputs.v), queryCount: rows.count,
      keyCount: keyCount, firstPlace: kind.isCausal ? keyCount - rows.count : 0)
  }

  /// y, every row.
  var expectedOutput: [Double] { seen.indices.flatMap { plain($0).forward(sequence($0)) } }

  /// The gradients of Σ dy y, of every row.
  var expectedGradient: PlainAttention.Gradient {
    var total = PlainAttention.Gradient(
      q: [], k: Array(repeating: 0, count: inputs.k.count), v: Array(repeating: 0, count: inputs.v.count),
      bias: Array(repeating: [:], count: kind.attention.headCount))
    for segment in seen.indices {
      let dy = dy.rows(pass.rows(of: segment)).array().map(Double.init)
      let gradient = plain(segment).backward(dy, sequence(segment))
      total.q += gradient.q
      for head in total.bias.indices { total.bias[head].merge(gradient.bias[head], uniquingKeysWith: +) }
      let width = inputs.k.columns
      for (place, row) in seen[segment].ranges.joined().enumerated() {
        for column in 0..<width {
          total.k[row * width + column] += gradient.k[place * width + column]
          total.v[row * width + column] += gradient.v[place * width + column]
        }
      }
    }
    return total
  }

  // MARK: The layer under test

  /// Of inputs, results, biases and all that attention used on the way.
  var byteCount: Int { workspace.byteCount + pass.scratch.byteCount }

  private func empty(_ like: Matrix) -> Matrix {
    let matrix = workspace.matrix(like.rows, like.columns)
    matrix.fill(.nan)  // every element is set
    return matrix
  }

  func forward() -> Matrix {
    let y = empty(inputs.q)
    _ = kind.attention.forward(inputs, keys: seen, bias: bias, into: y, pass)
    return y
  }

  func backward() -> Attention.Inputs {
    let y = empty(inputs.q), gradient = Attention.Inputs(q: empty(inputs.q), k: empty(inputs.k), v: empty(inputs.v))
    let logSumExp = kind.attention.forward(inputs, keys: seen, bias: bias, into: y, pass)
    kind.attention.backward(
      dy, logSumExp: logSumExp, inputs, keys: seen, bias: bias, into: gradient, dBias: dBias, pass)
    return gradient
  }

  /// Every row as a pass over a cache computes it.
  func attend() -> Matrix {
    let y = empty(inputs.q)
    attend(inputs.q, seen, into: y, pass)
    return y
  }

  /// Every position as a new one behind those before it, the segments side by side while they last.
  func stepByStep() -> Matrix {
    let y = empty(inputs.q)
    for place in 0..<(seen.indices.map { pass.rows(of: $0).count }.max() ?? 0) {
      let segments = seen.indices.filter { pass.rows(of: $0).count > place }
      let numbers = segments.map { pass.rows.starts[$0] + place }
      let q = workspace.matrix(numbers.count, y.columns), found = empty(q)
      var rows = Rows()
      for (index, number) in numbers.enumerated() {
        q.rows(index..<index + 1).copy(from: inputs.q.rows(number..<number + 1))
        rows.append(positions: CollectionOfOne(0), .init(example: index, route: 0, ordinal: 0))
      }
      let keys = segments.map { seen[$0].first(seen[$0].count - pass.rows(of: $0).count + place + 1) }
      attend(q, keys, into: found, pass.over(rows))
      for (index, number) in numbers.enumerated() {
        y.rows(number..<number + 1).copy(from: found.rows(index..<index + 1))
      }
    }
    return y
  }

  private func attend(_ q: Matrix, _ keys: [KeyRanges], into y: Matrix, _ pass: Pass) {
    let attention = kind.attention
    attention.attend(
      .init(q: q, k: inputs.k, v: inputs.v), attention.plan(keys, isBiased: bias != nil, pass), bias: bias, into: y,
      pass)
  }
}

extension KeyRanges {
  /// The first of the keys.
  fileprivate func first(_ count: Int) -> KeyRanges { KeyRanges(pieces(0..<count).map(\.rows)) }
}
