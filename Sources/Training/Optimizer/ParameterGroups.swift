import Tensors

/// Which parameters learn at rates and with weight decays of their own, as PyTorch's parameter groups.
public struct ParameterGroups: Sendable, Equatable {
  /// Of every parameter, decoupled from its gradient.
  public var weightDecay = 0.0
  /// Of routers; nil: ``weightDecay``.
  public var routerWeightDecay: Double?
  /// What the rate is multiplied by for routers.
  public var routerRateFactor = 1.0
  /// What the rate is multiplied by for up-projections and for parameters of one axis, unless they are routers: the
  /// ratio of LoRA+ (Hayou et al. 2024, arXiv 2402.12354).
  public var upProjectionRateFactor = 1.0

  public init() {}

  /// What parameters that learn alike share.
  struct Group: Equatable {
    let rateFactor, weightDecay: Double
  }

  /// How one parameter learns.
  func group(of entry: TrainableParameters.Entry) -> Group {
    if entry.role == .router {
      return Group(rateFactor: routerRateFactor, weightDecay: routerWeightDecay ?? weightDecay)
    }
    let isFast = entry.role == .upProjection || entry.shape.count == 1
    return Group(rateFactor: isFast ? upProjectionRateFactor : 1, weightDecay: weightDecay)
  }

  /// Cuts ascending ranges where the group changes, and nowhere else: without special groups one range stays one.
  func split(
    _ ranges: [Range<Int>], of parameters: TrainableParameters
  ) -> [(range: Range<Int>, group: Group)] {
    var result: [(range: Range<Int>, group: Group)] = []
    var entries = parameters.entries[...]
    for range in ranges {
      while let entry = entries.first, entry.range.upperBound <= range.lowerBound { entries.removeFirst() }
      for entry in entries.prefix(while: { $0.range.lowerBound < range.upperBound }) where !entry.range.isEmpty {
        let piece = entry.range.clamped(to: range), group = group(of: entry)
        if let last = result.last, last.group == group, last.range.upperBound == piece.lowerBound {
          result[result.count - 1].range = last.range.lowerBound..<piece.upperBound
        } else {
          result.append((piece, group))
        }
      }
    }
    return result
  }
}
