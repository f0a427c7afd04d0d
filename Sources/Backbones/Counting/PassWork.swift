/// What the training pass of some rows computes, forward and backward, by the phases that a step's time is measured in.
public struct PassWork: Sendable, Equatable {
  /// Floating-point operations, two a multiply-add: of the frozen maps, of attention (blocks of scores as they are
  /// computed, those of the backward pass again), and of the head.
  public var linear = 0.0, attention = 0.0, head = 0.0
  /// Numbers that norms, activations and residual sums read and write.
  public var elements = 0.0
  /// Numbers that adapters read and write, and a 16th of their operations: what is narrow is bound by memory.
  public var adapter = 0.0
  /// Rows of all streams.
  public var rows = 0.0

  public init() {}

  public static func + (left: PassWork, right: PassWork) -> PassWork { left.plus(right, times: 1) }
  public static func - (left: PassWork, right: PassWork) -> PassWork { left.plus(right, times: -1) }
  public static func += (left: inout PassWork, right: PassWork) { left = left + right }

  public func times(_ factor: Double) -> PassWork { PassWork().plus(self, times: factor) }

  private func plus(_ other: PassWork, times factor: Double) -> PassWork {
    var result = self
    result.linear += factor * other.linear
    result.attention += factor * other.attention
    result.head += factor * other.head
    result.elements += factor * other.elements
    result.adapter += factor * other.adapter
    result.rows += factor * other.rows
    return result
  }

  /// With the forward pass of all layers but the last computed twice.
  public func checkpointed(layerCount: Int) -> PassWork {
    let again = Double(max(layerCount - 1, 0)) / Double(max(layerCount, 1))
    var result = self
    // Of maps forward is a half, of attention two of seven products, of the rest about a third.
    result.linear *= 1 + again / 2
    result.attention *= 1 + again * 2 / 7
    result.elements *= 1 + again / 3
    result.adapter *= 1 + again / 3
    return result
  }
}

extension Attention {
  /// Scores that one head computes of a sequence: blocks of queries, each over all keys that any of it sees.
  func computedScores(queryCount: Int, keyCount: Int) -> Double {
    guard mask == .causal else { return Double(queryCount) * Double(keyCount) }
    let before = keyCount - queryCount
    return stride(from: 0, to: queryCount, by: Self.blockRows).reduce(0) { total, place in
      let end = min(place + Self.blockRows, queryCount)
      let first = max(0, window.map { before + place + 1 - $0 } ?? 0)
      return total + Double(end - place) * Double(before + end - first)
    }
  }
}
