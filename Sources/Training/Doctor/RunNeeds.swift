/// What a run takes of its hosts, in bytes.
public struct RunNeeds: Codable, Sendable, Equatable {
  /// Of a host's memory, once: the frozen weights.
  public var hostBytes: Int
  /// Of a host's memory, for each rank there.
  public var rankBytes: Int
  /// Of the folder of shared windows, once a host.
  public var sharedHostBytes: Int
  /// What each step adds up over all ranks.
  public var gradientBytes: Int
  /// Of the disk, for all that the run will keep.
  public var diskBytes: Int
  /// Ranks at most.
  public var microBatches: Int

  public init(
    hostBytes: Int, rankBytes: Int, sharedHostBytes: Int, gradientBytes: Int, diskBytes: Int, microBatches: Int
  ) {
    (self.hostBytes, self.rankBytes, self.sharedHostBytes) = (hostBytes, rankBytes, sharedHostBytes)
    (self.gradientBytes, self.diskBytes, self.microBatches) = (gradientBytes, diskBytes, microBatches)
  }

  public func memory(ranks: Int) -> Int { hostBytes + ranks * rankBytes }

  /// With what Open MPI keeps there for messages between the ranks of a host.
  public func sharedMemory(ranks: Int) -> Int { sharedHostBytes + Self.messages(ranks: ranks) }

  /// What ranks of a host keep in the folder of shared windows to speak with each other.
  static func messages(ranks: Int) -> Int { ranks > 1 ? ranks * MemoryPlan.messageBytes : 0 }
}
