import MessagePassing

/// The ranks of a job, as training sees them.
public struct Ranks {
  /// All ranks.
  public let world: Communicator
  /// The ranks of this machine, which share memory.
  public let node: Communicator
  /// The way to end the job on all ranks.
  public let job: Job

  public init(_ environment: borrowing MPIEnvironment) throws {
    world = environment.world
    job = environment.job
    node = try environment.world.splitByNode()
  }

  public var rank: Int { world.rank }
  public var count: Int { world.size }
  /// Whether this is rank 0, which writes and speaks.
  public var isMain: Bool { world.rank == 0 }
}
