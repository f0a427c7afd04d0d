/// What a job under mpirun is, and how fast its messages are, as its ranks measured it.
public struct JobFacts: Codable, Sendable, Equatable {
  public struct Host: Codable, Sendable, Equatable {
    /// As MPI knows it.
    public var name: String
    public var ranks: [Rank]
    /// Bytes a second that it sent to the best of some other hosts, and received; nil with one host.
    public var sendRate: Double?
    public var receiveRate: Double?
  }

  public struct Rank: Codable, Sendable, Equatable {
    public var rank: Int
    /// The cores that it is bound to.
    public var cores: [Int]
    public var threads: Int
  }

  /// The sum of gradients over all ranks.
  public struct Reduction: Codable, Sendable, Equatable {
    public var byteCount: Int
    public var seconds: Double
  }

  /// In the order of their first ranks.
  public var hosts: [Host]
  /// Nil with one rank.
  public var reduction: Reduction?

  public var rankCount: Int { hosts.reduce(0) { $0 + $1.ranks.count } }
}
