import MessagePassing

/// The ranks of a job, as training sees them.
public struct Ranks {
  /// All ranks.
  public let world: Communicator
  /// The ranks of this machine, which share memory.
  public let node: Communicator
  /// The way to end the job on all ranks.
  public let job: Job
  /// What differs between their processors or kernels, a line a difference, where the job goes on all the same: replicas
  /// then follow rank 0. Empty where bits are equal everywhere.
  public private(set) var processorDifferences: [String] = []

  public init(_ environment: borrowing MPIEnvironment) throws {
    world = environment.world
    job = environment.job
    node = try environment.world.splitByNode()
  }

  private init(world: Communicator, node: Communicator, job: Job) {
    (self.world, self.node, self.job) = (world, node, job)
  }

  /// This rank as a world of its own, for work that the others have no part in. Collective; ``free()`` releases it.
  public func alone() throws(MPIError) -> Ranks {
    let own = try world.split(color: rank, key: 0)
    return Ranks(world: own, node: own, job: job)
  }

  /// Releases what ``alone()`` made. Not collective, since no other rank is in it.
  public func free() throws(MPIError) { try world.free() }

  /// Has the ranks watched by the recipe's `hang_timeout` from here on.
  public func watch(by recipe: Recipe) {
    Watch.current?.timeout = recipe.hangTimeout > 0 ? recipe.hangTimeout : .infinity
  }

  /// Throws unless all ranks run the same program on processors of one kind. Collective.
  ///
  /// - Parameter allowsMixedProcessors: Whether other processors or kernels are noted in ``processorDifferences``.
  /// - Throws: ``Disagreement`` or `MPIError`.
  public mutating func requireOneProgram(allowsMixedProcessors: Bool) throws {
    guard count > 1 else { return }
    let differences = try Agreement.differences(MachineFacts.own(self), self)
    let isAllowed: (Disagreement.Difference) -> Bool = {
      allowsMixedProcessors && [.processor, .kernels].contains($0.kind)
    }
    let refused = differences.filter { !isAllowed($0) }
    if !refused.isEmpty { throw Disagreement(differences: refused) }
    processorDifferences = differences.map(\.description)
    try CacheMemory.agree(over: world)
  }

  /// What the user should know of them.
  public var notes: [String] {
    guard !processorDifferences.isEmpty else { return [] }
    return [
      "processors or kernels differ, so the result has not the bits that processors of one kind give"
    ] + processorDifferences
  }

  /// Whether they are on several hosts.
  public var spanHosts: Bool { node.size < world.size }
  public var rank: Int { world.rank }
  public var count: Int { world.size }
  /// Whether this is rank 0, which writes and speaks.
  public var isMain: Bool { world.rank == 0 }
}
