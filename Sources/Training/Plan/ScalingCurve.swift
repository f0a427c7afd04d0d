import Backbones
import Foundation
import Tensors

/// What more ranks would bring, up to 1,024 of them, and what bounds each number.
public struct ScalingCurve: Sendable {
  public struct Point: Sendable {
    public let ranks, nodes: Int
    public let tokensPerSecond, seconds, communicationShare: Double
    /// Of the fewest ranks' tokens a second and rank, the share that is left.
    public let efficiency: Double
    public let bound: StepPrediction.Bound
  }

  /// The same batch for all ranks, as far as it has sequences; and the same batch a rank.
  public let strong, weak: [Point]
  public static let limit = 1024

  /// - Parameter cluster: Whose nodes become more; below one node's ranks, ranks of a node.
  public init(_ basis: StepPrediction.Basis, on cluster: PlannedCluster, limit: Int = limit) {
    let clusters = Self.clusters(cluster, limit: limit)
    strong = Self.points(clusters) { Self.strong(basis, $0) }
    weak = Self.points(clusters) { Self.weak(basis, $0, base: min(cluster.ranks, basis.batch.partCount)) }
  }

  /// Powers of two within a node, then nodes by powers of two.
  static func clusters(_ cluster: PlannedCluster, limit: Int) -> [PlannedCluster] {
    var result: [PlannedCluster] = []
    func add(nodes: Int, ranks: Int) {
      var other = cluster
      (other.nodes, other.ranksPerNode) = (nodes, ranks)
      result.append(other)
    }
    for ranks in sequence(first: 1, next: { $0 * 2 }).prefix(while: { $0 < cluster.ranksPerNode }) {
      add(nodes: 1, ranks: ranks)
    }
    for nodes in sequence(first: 1, next: { $0 * 2 }).prefix(while: { $0 * cluster.ranksPerNode <= limit }) {
      add(nodes: nodes, ranks: cluster.ranksPerNode)
    }
    return result
  }

  private static func points(
    _ clusters: [PlannedCluster], _ predict: (PlannedCluster) -> (StepPrediction, isOutOfParts: Bool)?
  ) -> [Point] {
    var base: Double?
    return clusters.compactMap { cluster in
      guard let (prediction, isOutOfParts) = predict(cluster) else { return nil }
      let each = prediction.tokensPerSecond / Double(cluster.ranks)
      base = base ?? each
      return Point(
        ranks: cluster.ranks, nodes: cluster.nodes, tokensPerSecond: prediction.tokensPerSecond,
        seconds: prediction.seconds, communicationShare: prediction.communicationShare,
        efficiency: each / (base ?? each), bound: isOutOfParts ? .parts : prediction.bound)
    }
  }

  /// A batch cut into its own parts or, for more ranks, into one for each.
  private static func strong(
    _ basis: StepPrediction.Basis, _ cluster: PlannedCluster
  ) -> (StepPrediction, isOutOfParts: Bool)? {
    let batch = basis.batch, ranks = cluster.ranks
    // The last count that helps is told; behind it ranks have nothing to do.
    guard ranks <= batch.sequences else { return nil }
    if ranks <= batch.partCount, let own = try? StepPrediction(basis, on: cluster) {
      return (own, ranks * 2 > batch.sequences)
    }
    let work = batch.steps.joined().reduce(into: PassWork()) { $0 += $1.work }
    let mean = work.times(1 / Double(batch.steps.count) / Double(ranks)), seconds = basis.total(mean)
    let perPart = Double(batch.sequences) / Double(ranks)
    return (
      StepPrediction(
        basis, cluster, mean: mean, longest: seconds * spread(basis, ranks: ranks, sequences: perPart),
        lastPart: seconds, tokens: batch.mean { Double($0.tokens) }, examples: batch.mean { Double($0.examples) }),
      ranks * 2 > batch.sequences
    )
  }

  /// Each rank has as much as each of `base` ranks of the planned batch.
  private static func weak(
    _ basis: StepPrediction.Basis, _ cluster: PlannedCluster, base: Int
  ) -> (StepPrediction, isOutOfParts: Bool)? {
    let batch = basis.batch, ranks = cluster.ranks
    let work = batch.steps.joined().reduce(into: PassWork()) { $0 += $1.work }
    let mean = work.times(1 / Double(batch.steps.count) / Double(base)), seconds = basis.total(mean)
    let scale = Double(ranks) / Double(base)
    let factor = ranks == 1 ? 1 : spread(basis, ranks: ranks, sequences: Double(batch.sequences) / Double(base))
    return (
      StepPrediction(
        basis, cluster, mean: mean, longest: seconds * factor,
        lastPart: seconds * Double(base) / Double(batch.partCount), tokens: batch.mean { Double($0.tokens) } * scale,
        examples: batch.mean { Double($0.examples) } * scale),
      false
    )
  }

  /// How many times the mean the slowest of so many ranks computes: parts are cut for equal tokens, and what is left of
  /// their differences is taken for normal, of which the largest of n lies about √(2 ln n) deviations above the mean.
  static func spread(_ basis: StepPrediction.Basis, ranks: Int, sequences: Double) -> Double {
    let parts = basis.batch.steps.joined().map { basis.total($0.work) }.filter { $0 > 0 }
    guard parts.count > 1, ranks > 1 else { return 1 }
    let mean = parts.reduce(0, +) / Double(parts.count)
    // Between the parts of a step: that steps differ makes nobody wait.
    let within = basis.batch.steps.map { step -> Double in
      let loads = step.map { basis.total($0.work) }, own = loads.reduce(0, +) / Double(loads.count)
      return loads.reduce(0) { $0 + ($1 - own) * ($1 - own) } / Double(loads.count)
    }
    let deviation = (within.reduce(0, +) / Double(within.count)).squareRoot() / mean
    let sequencesPerPart = Double(basis.batch.sequences) / Double(basis.batch.partCount)
    let own = deviation * (sequencesPerPart / max(sequences, 1)).squareRoot()
    return 1 + min(own * (2 * log(Double(ranks))).squareRoot(), (parts.max() ?? mean) / mean)
  }
}
