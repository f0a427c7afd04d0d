import Foundation

/// Softmax attention as its formula says it, in double precision: every query, key and head on its own, no blocks.
///
///     P = softmax(cap(scale q · k) + bias)        y = P V        cap(s) = c tanh(s / c), or s
struct PlainAttention {
  let headCount, keyHeadCount, headWidth: Int
  let scale: Double
  var softCap: Double?
  /// A number for each head and distance, key place less query place; nil: none.
  var bias: ((_ head: Int, _ distance: Int) -> Double)?
  /// Whether a query sees a key, by their places.
  let sees: (_ query: Int, _ key: Int) -> Bool

  /// Rows of one sequence: q (queries, heads · width), k and v (keys, key heads · width), row after row.
  struct Sequence {
    var q, k, v: [Double]
    let queryCount, keyCount: Int
    /// The place of the first query; keys have the places from 0.
    let firstPlace: Int
  }

  struct Gradient {
    var q, k, v: [Double]
    /// By head, then distance.
    var bias: [[Int: Double]]
  }

  private var width: Int { headCount * headWidth }
  private var keyWidth: Int { keyHeadCount * headWidth }

  private func keyHead(_ head: Int) -> Int { head / (headCount / keyHeadCount) }

  /// The keys that a query sees, their probabilities, and the cap's slope at their scores.
  private func row(_ query: Int, _ head: Int, _ s: Sequence) -> [(key: Int, p: Double, slope: Double)] {
    let place = s.firstPlace + query, seen = (0..<s.keyCount).filter { sees(place, $0) }
    let scores = seen.map { key in
      scale
        * (0..<headWidth).reduce(0) {
          $0 + s.q[query * width + head * headWidth + $1] * s.k[key * keyWidth + keyHead(head) * headWidth + $1]
        }
    }
    let capped = scores.map { score in softCap.map { $0 * tanh(score / $0) } ?? score }
    let biased = zip(seen, capped).map { key, score in score + (bias?(head, key - place) ?? 0) }
    let top = biased.max() ?? 0, exponentials = biased.map { exp($0 - top) }, total = exponentials.reduce(0, +)
    return seen.indices.map { place in
      let slope = softCap.map { 1 - pow(capped[place] / $0, 2) } ?? 1
      return (seen[place], exponentials[place] / total, slope)
    }
  }

  /// y, (queries, heads · width).
  func forward(_ s: Sequence) -> [Double] {
    var y = [Double](repeating: 0, count: s.queryCount * width)
    for query in 0..<s.queryCount {
      for head in 0..<headCount {
        for (key, p, _) in row(query, head, s) {
          for j in 0..<headWidth {
            y[query * width + head * headWidth + j] += p * s.v[key * keyWidth + keyHead(head) * headWidth + j]
          }
        }
      }
    }
    return y
  }

  /// The gradients of Σ dy y.
  func backward(_ dy: [Double], _ s: Sequence) -> Gradient {
    var d = Gradient(
      q: s.q.map { _ in 0 }, k: s.k.map { _ in 0 }, v: s.v.map { _ in 0 },
      bias: Array(repeating: [:], count: headCount))
    for query in 0..<s.queryCount {
      for head in 0..<headCount {
        let row = row(query, head, s), column = query * width + head * headWidth
        func place(_ key: Int) -> Int { key * keyWidth + keyHead(head) * headWidth }
        let dp = row.map { key, _, _ in (0..<headWidth).reduce(0) { $0 + dy[column + $1] * s.v[place(key) + $1] } }
        let mean = zip(row, dp).reduce(0) { $0 + $1.0.p * $1.1 }
        for ((key, p, slope), dp) in zip(row, dp) {
          let dScore = p * (dp - mean)
          d.bias[head][key - s.firstPlace - query, default: 0] += dScore
          for j in 0..<headWidth {
            d.v[place(key) + j] += p * dy[column + j]
            d.q[column + j] += scale * slope * dScore * s.k[place(key) + j]
            d.k[place(key) + j] += scale * slope * dScore * s.q[column + j]
          }
        }
      }
    }
    return d
  }
}
