/// What a run takes of its hosts, in bytes.
public struct RunNeeds: Codable, Sendable, Equatable {
  /// Of a host's memory, once: the frozen weights.
  public var hostBytes: Int
  /// Of a host's memory, for each rank there.
  public var rankBytes: Int
  /// Of the folder of shared windows, once a host, and for each rank there.
  public var sharedHostBytes: Int
  public var sharedRankBytes: Int
  /// What each step adds up over all ranks.
  public var gradientBytes: Int
  /// Of the disk, for all that the run will keep.
  public var diskBytes: Int
  /// Ranks at most.
  public var microBatches: Int

  public init(
    hostBytes: Int, rankBytes: Int, sharedHostBytes: Int, sharedRankBytes: Int, gradientBytes: Int, diskBytes: Int,
    microBatches: Int
  ) {
    (self.hostBytes, self.rankBytes, self.sharedHostBytes) = (hostBytes, rankBytes, sharedHostBytes)
    (self.sharedRankBytes, self.gradientBytes, self.diskBytes) = (sharedRankBytes, gradientBytes, diskBytes)
    self.microBatches = microBatches
  }

  public func memory(ranks: Int) -> Int { hostBytes + ranks * rankBytes }

  /// With what Open MPI keeps there for messages between the ranks of a host.
  public func sharedMemory(ranks: Int) -> Int {
    sharedHostBytes + ranks * sharedRankBytes + (ranks > 1 ? Self.messageBytes : 0)
  }

  static let messageBytes = 64 << 20
}
