import Foundation
import Tensors

@testable import Backbones

/// Kinds of attention, of heads 3 wide.
enum AttentionKind: CaseIterable {
  case causal, grouped, oneKeyHead, capped, windowed, everything
  case bidirectional, biasedBidirectional, biasedCausal, cross

  var isCausal: Bool { ![.bidirectional, .biasedBidirectional, .cross].contains(self) }
  var isBiased: Bool { [.biasedBidirectional, .biasedCausal].contains(self) }
  var headCount: Int { [.grouped: 4, .oneKeyHead: 3, .everything: 6][self] ?? 2 }
  var keyHeadCount: Int { [.oneKeyHead: 1][self] ?? 2 }
  var scale: Float { isBiased ? 1 : 0.6 }
  var softCap: Float? { [.capped, .everything].contains(self) ? 1.5 : nil }
  var window: Int? { [.windowed: 4, .everything: 130][self] }

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
  let dy: Matrix
  /// The bias's gradient after ``backward(_:)``; nil without a bias.
  let dBias: DistanceBias?
  private let inputs: CausalAttention.Inputs
  private let queryPass, keyPass: Pass
  private let bias: DistanceBias?
  private let workspace = Workspace()

  init(_ kind: AttentionKind, queries: [Int], keys: [Int]) {
    self.kind = kind
    let workspace = workspace
    func numbers(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
      let matrix = workspace.matrix(rows, columns)
      RandomKey(seed: seed).fillNormal(matrix.elements, standardDeviation: 1)
      return matrix
    }
    func pass(_ lengths: [Int]) -> Pass {
      Pass(
        starts: lengths.reduce(into: [0]) { $0.append($0.last! + $1) }, tasks: lengths.map { _ in 0 },
        ordinals: lengths.map { _ in 0 }, randomKey: nil, keepsActivations: true, saved: workspace,
        scratch: Workspace())
    }
    let width = kind.headCount * 3, keyWidth = kind.keyHeadCount * 3
    let queryCount = queries.reduce(0, +), keyCount = keys.reduce(0, +)
    inputs = .init(q: numbers(queryCount, width, 1), k: numbers(keyCount, keyWidth, 2), v: numbers(keyCount, keyWidth, 3))
    dy = numbers(queryCount, width, 4)
    (queryPass, keyPass) = (pass(queries), pass(keys))
    let reach = max(queries.max()!, keys.max()!)
    func distances(_ value: (Int, Int) -> Float) -> DistanceBias? {
      guard kind.isBiased else { return nil }
      let bias = DistanceBias(headCount: kind.headCount, reach: reach, workspace)
      for head in 0..<kind.headCount {
        for distance in -reach...reach { bias.center(head: head)[distance] = value(head, distance) }
      }
      return bias
    }
    bias = distances(AttentionKind.bias)
    dBias = distances { _, _ in 0 }
  }

  // MARK: The plain loop

  var plain: PlainAttention {
    let kind = kind
    return PlainAttention(
      headCount: kind.headCount, keyHeadCount: kind.keyHeadCount, headWidth: 3, scale: Double(kind.scale),
      softCap: kind.softCap.map(Double.init),
      bias: kind.isBiased ? { Double(AttentionKind.bias($0, $1)) } : nil
    ) { query, key in
      guard kind.isCausal else { return true }
      return key <= query && key > query - (kind.window ?? .max)
    }
  }

  func sequence(_ place: Int) -> PlainAttention.Sequence {
    .init(
      q: queryRows(inputs.q, place), k: keyRows(inputs.k, place), v: keyRows(inputs.v, place),
      queryCount: queryPass.rows(of: place).count, keyCount: keyPass.rows(of: place).count)
  }

  /// A sequence's rows of a matrix over the queries.
  func queryRows(_ x: Matrix, _ place: Int) -> [Double] { x.rows(queryPass.rows(of: place)).array().map(Double.init) }

  /// A sequence's rows of a matrix over the keys.
  func keyRows(_ x: Matrix, _ place: Int) -> [Double] { x.rows(keyPass.rows(of: place)).array().map(Double.init) }

  // MARK: The layer under test

  private var causal: CausalAttention {
    CausalAttention(
      headCount: kind.headCount, keyHeadCount: kind.keyHeadCount, headWidth: 3, scale: kind.scale,
      softCap: kind.softCap, window: kind.window)
  }

  private var sequential: SequenceAttention {
    SequenceAttention(headCount: kind.headCount, headWidth: 3, scale: kind.scale, isCausal: kind.isCausal)
  }

  private var isSequential: Bool { kind.isBiased || !kind.isCausal }

  private func empty(_ like: Matrix) -> Matrix {
    let matrix = workspace.matrix(like.rows, like.columns)
    matrix.fill(.nan)  // every element is set
    return matrix
  }

  private func run(into y: Matrix) -> Matrix {
    guard isSequential else { return causal.forward(inputs, into: y, queryPass) }
    return sequential.forward(inputs, bias: bias, into: y, .init(queries: queryPass, keys: keyPass))
  }

  func forward() -> Matrix {
    let y = empty(inputs.q)
    _ = run(into: y)
    return y
  }

  func backward(_ y: Matrix) -> CausalAttention.Inputs {
    let gradient = CausalAttention.Inputs(q: empty(inputs.q), k: empty(inputs.k), v: empty(inputs.v))
    let logSumExp = run(into: y)
    if isSequential {
      sequential.backward(
        dy, y: y, logSumExp: logSumExp, inputs, bias: bias, into: gradient, dBias: dBias,
        .init(queries: queryPass, keys: keyPass))
    } else {
      causal.backward(dy, y: y, logSumExp: logSumExp, inputs, into: gradient, queryPass)
    }
    return gradient
  }

  private func makeCache() -> KeyValueCache {
    KeyValueCache(
      layerCount: 2, slotCount: keyPass.sequenceCount, capacity: keyPass.longestSequence,
      width: kind.keyHeadCount * 3)
  }

  /// Every position as a new one behind those before it, the sequences side by side while they last.
  func stepByStep() -> Matrix {
    let cache = makeCache(), y = empty(inputs.q)
    for place in 0..<queryPass.longestSequence {
      let slots = (0..<queryPass.sequenceCount).filter { queryPass.rows(of: $0).count > place }
      let rows = slots.map { queryPass.starts[$0] + place }
      let q = workspace.matrix(rows.count, y.columns), found = empty(q)
      for (index, (slot, row)) in zip(slots, rows).enumerated() {
        q.rows(index..<index + 1).copy(from: inputs.q.rows(row..<row + 1))
        cache.append(layer: 1, slot: slot, keys: inputs.k.rows(row..<row + 1), values: inputs.v.rows(row..<row + 1))
      }
      step(q, into: found, cache, slots: slots, lengths: slots.map { cache.lengths[$0] + 1 })
      for (index, row) in rows.enumerated() { y.rows(row..<row + 1).copy(from: found.rows(index..<index + 1)) }
      for slot in slots { cache.advance(slot, by: 1) }
    }
    return y
  }

  /// One query a sequence against all of its keys.
  func stepOnSource() -> Matrix {
    let cache = makeCache(), y = empty(inputs.q), slots = Array(0..<keyPass.sequenceCount)
    for slot in slots {
      let rows = keyPass.rows(of: slot)
      cache.append(layer: 1, slot: slot, keys: inputs.k.rows(rows), values: inputs.v.rows(rows))
      cache.advance(slot, by: rows.count)
    }
    step(inputs.q, into: y, cache, slots: slots, lengths: slots.map { cache.lengths[$0] })
    return y
  }

  private func step(_ q: Matrix, into y: Matrix, _ cache: KeyValueCache, slots: [Int], lengths: [Int]) {
    guard isSequential else { return causal.step(q, into: y, cache: cache, layer: 1, slots: slots, queryPass) }
    sequential.step(
      q, bias: bias, into: y, cache: cache, layer: 1, slots: slots, lengths: lengths, scratch: workspace)
  }
}
