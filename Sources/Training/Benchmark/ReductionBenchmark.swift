import MessagePassing

/// Measures what the sum of a gradient takes by its size, as `polyad bench reduction` reports it: nothing is computed
/// beside it, one part a rank.
public struct ReductionBenchmark {
  /// Which ranks sum up.
  public enum Scope: String, Sendable {
    /// Those of a node, all nodes at once.
    case node
    /// Ranks of several nodes: all, or the first of each.
    case network
  }

  /// How they do.
  public enum Kind: String, Sendable, CaseIterable {
    /// ``OrderedReduction``.
    case ordered
    /// The same, its sums rounded to bf16.
    case orderedBF16 = "ordered_bf16"
    /// ``PlainReduction``.
    case mpi
  }

  /// What one sum takes.
  public struct Measurement: Sendable, Equatable {
    public let scope: Scope
    public let kind: Kind
    /// Ranks that sum up together; where nodes differ, those of the largest.
    public let ranks: Int
    /// The hosts that these are on.
    public let hosts: Int
    /// Of the gradient: four a number, whatever travels.
    public let byteCount: Int
    /// Of the slowest rank: the median of several timings.
    public let seconds: Double

    public init(scope: Scope, kind: Kind, ranks: Int, hosts: Int, byteCount: Int, seconds: Double) {
      (self.scope, self.kind, self.ranks, self.hosts) = (scope, kind, ranks, hosts)
      (self.byteCount, self.seconds) = (byteCount, seconds)
    }

    /// Bytes of the gradient a second.
    public var bytesPerSecond: Double { Double(byteCount) / seconds }
  }

  /// Ranks that sum up together.
  private struct Group {
    let scope: Scope
    /// nil: this rank is in none.
    let communicator: Communicator?
    let ranks, hosts: Int
    /// Made here, so to be released here: by the ranks that are in none, too.
    var made: Communicator?
  }

  /// 4 KiB to 16 MiB, four times as much each.
  public static let usualByteCounts = (0...6).map { 4096 << (2 * $0) }

  private let ranks: Ranks
  private let byteCounts: [Int]
  private let kinds: [Kind]
  /// Of the timings of one measurement, together.
  private let seconds: Double

  /// - Parameters:
  ///   - byteCounts: Of the gradients, at least 4 each.
  ///   - seconds: That one measurement may take, about.
  public init(
    _ ranks: Ranks, byteCounts: [Int] = Self.usualByteCounts, kinds: [Kind] = Kind.allCases, seconds: Double = 0.3
  ) {
    (self.ranks, self.byteCounts, self.kinds, self.seconds) = (ranks, byteCounts, kinds, seconds)
  }

  /// The measurements by scope, then kind, then size; none on one rank alone. Collective: the same on every rank.
  public func run() throws -> [Measurement] {
    let groups = try groups()
    defer { for group in groups { try? group.made?.free() } }
    return try groups.flatMap { group in
      try kinds.flatMap { kind in try byteCounts.map { try measure(group, kind, byteCount: $0) } }
    }
  }

  /// Within nodes, the first rank of each node, and all ranks; those of them that are several, and not twice the same.
  private func groups() throws -> [Group] {
    let world = ranks.world, largest = Int(try world.allReduce(Int64(ranks.node.size), .max))
    let hosts = Int(try world.allReduce(Int64(ranks.node.rank == 0 ? 1 : 0), .sum))
    var result: [Group] = []
    if largest > 1 { result.append(Group(scope: .node, communicator: ranks.node, ranks: largest, hosts: 1)) }
    guard hosts > 1 else { return result }
    if largest > 1 {
      let part = try world.split(color: ranks.node.rank == 0 ? 0 : 1, key: world.rank)
      result.append(
        Group(
          scope: .network, communicator: ranks.node.rank == 0 ? part : nil, ranks: hosts, hosts: hosts, made: part))
    }
    return result + [Group(scope: .network, communicator: world, ranks: world.size, hosts: hosts)]
  }

  private func measure(_ group: Group, _ kind: Kind, byteCount: Int) throws -> Measurement {
    let sum = try group.communicator.map { try Sum(kind, byteCount: byteCount, $0) }
    let warmUp = try time(sum, repetitions: 2)
    // As many sums a timing as are long beside a barrier, and as many timings as there is time for.
    let repetitions = min(max(Int(0.02 / warmUp), 1), 1000)
    let count = min(max(Int(seconds / (warmUp * Double(repetitions))), 3), 15)
    let timings = try (0..<count).map { _ in try time(sum, repetitions: repetitions) }.sorted()
    try sum?.free()
    return Measurement(
      scope: group.scope, kind: kind, ranks: group.ranks, hosts: group.hosts, byteCount: byteCount,
      seconds: timings[count / 2])
  }

  /// Seconds a sum of the slowest rank. The same on every rank.
  private func time(_ sum: Sum?, repetitions: Int) throws -> Double {
    try ranks.world.barrier()
    let start = ContinuousClock.now
    for _ in 0..<repetitions { try sum?.run() }
    let own = (ContinuousClock.now - start) / .seconds(1)
    return try ranks.world.allReduce(own, .max) / Double(repetitions)
  }
}

/// A gradient of zeros and its reduction.
private final class Sum {
  private let gradients: UnsafeMutableBufferPointer<Float>
  private let reduction: any GradientReduction
  private let rank: Int

  init(_ kind: ReductionBenchmark.Kind, byteCount: Int, _ communicator: Communicator) throws {
    gradients = .allocate(capacity: byteCount / MemoryLayout<Float>.stride)
    gradients.initialize(repeating: 0)
    rank = communicator.rank
    reduction =
      switch kind {
      case .ordered: try OrderedReduction(gradients, partCount: communicator.size, communicator)
      case .orderedBF16:
        try OrderedReduction(gradients, partCount: communicator.size, precision: .bf16, communicator)
      case .mpi: PlainReduction(gradients, partCount: communicator.size, communicator)
      }
  }

  deinit { gradients.deallocate() }

  /// Releases what MPI holds. Collective.
  func free() throws { try reduction.free() }

  func run() throws {
    try reduction.begin([[0..<gradients.count]])
    try reduction.add(part: rank)
    try reduction.finish()
  }
}
