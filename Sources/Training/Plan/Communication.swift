import Foundation

/// What the sum of a step's gradient takes, after the manner of LogGP (Alexandrov et al. 1995): a delay a message, and a
/// time a byte.
///
///     within a node of R ranks      t = log₂R / log₂R₀ · a + R / R₀ · b B         a, b fitted to sums of R₀ ranks
///     between N nodes               t = 2 (N - 1) d + 2 (N - 1) / N · B / s       spread to slices, and gathered again
///
/// Ranks of a node share its memory, so bytes take longer the more they are; a node's ranks share its network.
public struct Communication: Sendable {
  /// A line through measured sums: seconds whatever the bytes, and seconds a byte.
  struct Line: Sendable, Equatable {
    var seconds, secondsPerByte: Double
  }

  /// Where the numbers of the network come from.
  public enum Source: Sendable, Equatable {
    case given, measured
    /// Nothing was measured or said: an ordinary network stands in.
    case assumed
  }

  private let node: (ranks: Int, line: Line)?
  public let network: NetworkSpeed
  public let source: Source
  /// Sums of a few bytes between nodes, such as those of losses.
  private let isOrdered: Bool

  /// 10 Gbit/s over TCP.
  public static let assumed = NetworkSpeed(bytesPerSecond: 1.25e9 * NetworkSpeed.payload, delay: 30e-6)

  /// - Parameters:
  ///   - profile: Sums measured here.
  ///   - network: What the user says of it; nil: what was measured or, without that, an ordinary network.
  public init(_ profile: MachineProfile, _ reduction: Recipe.Reduction, ranksPerNode: Int, network: NetworkSpeed?) {
    isOrdered = reduction == .ordered
    let kind = reduction == .ordered ? "ordered" : "mpi"
    let own = profile.reductions.filter { $0.kind == kind }
    let within = Dictionary(grouping: own.filter { $0.scope == "node" }, by: \.ranks)
    let nearest = within.keys.min { abs($0 - ranksPerNode) < abs($1 - ranksPerNode) }
    node = nearest.map { ($0, Self.fit(within[$0] ?? [])) }
    // One rank a host shows the network by itself.
    let between = own.filter { $0.scope == "network" && $0.ranks == $0.hosts }
    let hosts = between.map(\.hosts).max()
    let measured = hosts.map { hosts in
      let line = Self.fit(between.filter { $0.hosts == hosts }), others = Double(hosts - 1)
      return NetworkSpeed(
        bytesPerSecond: 2 * others / Double(hosts) / max(line.secondsPerByte, 1e-15),
        delay: line.seconds / (2 * others))
    }
    self.network = network ?? measured ?? Self.assumed
    source = network != nil ? .given : measured != nil ? .measured : .assumed
  }

  /// Whether sums of so many ranks of a node are known.
  public static func isKnown(_ profile: MachineProfile, ranks: Int) -> Bool {
    ranks == 1 || profile.reductions.contains { $0.scope == "node" && $0.ranks == ranks }
  }

  /// The line that has the least relative errors.
  static func fit(_ times: [MachineProfile.ReductionTime]) -> Line {
    // Weights 1 / t²: Σ w (a + b x - t)² is least.
    var s = (w: 0.0, x: 0.0, xx: 0.0, t: 0.0, xt: 0.0)
    for time in times where time.seconds > 0 {
      let x = Double(time.byteCount), t = time.seconds, w = 1 / (t * t)
      s = (s.w + w, s.x + w * x, s.xx + w * x * x, s.t + w * t, s.xt + w * x * t)
    }
    let determinant = s.w * s.xx - s.x * s.x
    guard determinant > 1e-12 * s.w * s.xx else {
      return Line(seconds: 0, secondsPerByte: s.x > 0 ? s.t / s.x : 0)
    }
    let slope = (s.w * s.xt - s.x * s.t) / determinant, start = (s.t - slope * s.x) / s.w
    return start < 0
      ? Line(seconds: 0, secondsPerByte: s.xt / s.xx) : Line(seconds: start, secondsPerByte: max(slope, 0))
  }

  /// Seconds of a sum within a node.
  public func nodeSeconds(_ byteCount: Double, ranks: Int) -> Double {
    guard ranks > 1, let node else { return 0 }
    let depth = log2(Double(ranks)) / log2(Double(max(node.ranks, 2)))
    return node.line.seconds * depth + node.line.secondsPerByte * byteCount * Double(ranks) / Double(node.ranks)
  }

  /// Seconds that messages between nodes are under way, and that their bytes take.
  public func networkSeconds(_ byteCount: Double, nodes: Int) -> (delay: Double, bytes: Double) {
    guard nodes > 1 else { return (0, 0) }
    let others = Double(nodes - 1)
    // MPI's own sums go by halves.
    let messages = isOrdered ? 2 * others : 2 * log2(Double(nodes)).rounded(.up)
    return (messages * network.delay, 2 * others / Double(nodes) * byteCount / network.bytesPerSecond)
  }

  /// Seconds of the small sum of losses and labels that ends a step.
  public func smallSum(nodes: Int, ranks: Int) -> Double {
    let within = ranks > 1 ? (node?.line.seconds ?? 0) / 2 : 0
    return within + (nodes > 1 ? 2 * log2(Double(nodes)).rounded(.up) * network.delay : 0)
  }
}
