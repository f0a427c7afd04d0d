import MessagePassing
import Tensors

/// How many copies of a model's frozen weights a host holds, and which of them each of its ranks reads.
///
/// A core reads the memory of its own NUMA domain faster than that of another. The numbers are the same in every copy,
/// and so are all results.
public struct WeightCopies: Sendable, Equatable {
  /// The domain whose copy each of the host's ranks reads; nil: one copy for all.
  public let domains: [Int]?
  /// Why there is one copy; nil where there are several, or nothing else was asked for.
  public let reason: String?

  /// One copy a host.
  static let one = WeightCopies(domains: nil, reason: nil)

  /// Nothing is frozen, and what trains is each rank's own.
  static let ofTrainedWeights = WeightCopies(domains: nil, reason: "peft_type FULL trains all of them")

  /// Copies on this host.
  public var count: Int { domains.map { Set($0).count } ?? 1 }

  private init(domains: [Int]?, reason: String?) {
    (self.domains, self.reason) = (domains, reason)
  }

  /// What of a host decides.
  struct Host {
    /// The cores that each of its ranks may use.
    let cores: [Set<Int>]
    let domains: MemoryDomains
    /// Bytes of memory that are free or can be freed, and that files in shared memory may take.
    let memory: (available: Int, shared: Int)
  }

  /// Several copies cannot be, though a recipe asks for them.
  struct Obstacle: Error, Equatable {
    let reason: String
    /// What to do.
    let remedy: String
  }

  /// Memory must hold the copies this many times before `auto` makes several: activations and optimizers need it too.
  static let roomFactor = 3

  /// Decides for a host.
  ///
  /// - Parameter byteCount: Bytes of a copy; asked for only where they decide.
  /// - Throws: ``Obstacle`` where `numa` cannot be done, and what `byteCount` throws.
  init(_ choice: Recipe.WeightsCopy, on host: Host, byteCount: () throws -> Int) throws {
    guard choice != .node else {
      self = .one
      return
    }
    func one(_ reason: String) -> WeightCopies { WeightCopies(domains: nil, reason: reason) }
    guard host.domains.domains.count > 1 else {
      self = one("the host has one NUMA domain")
      return
    }
    let places = host.cores.map(host.domains.numbers(of:))
    if let rank = places.firstIndex(where: { $0.count != 1 }) {
      let obstacle = Self.unbound(rank, places[rank])
      if choice == .numa { throw obstacle }
      self = one(obstacle.reason)
      return
    }
    let domains = places.map { $0[0] }
    let count = Set(domains).count
    guard count > 1 else {
      self = one("its ranks are all in NUMA domain \(domains[0])")
      return
    }
    if let obstacle = Self.tight(try byteCount(), count, choice == .numa ? 1 : Self.roomFactor, host.memory) {
      if choice == .numa { throw obstacle }
      self = one(obstacle.reason)
      return
    }
    self.init(domains: domains, reason: nil)
  }

  private static func unbound(_ rank: Int, _ domains: [Int]) -> Obstacle {
    let place = domains.isEmpty ? "no NUMA domain that the kernel names" : "NUMA domains \(list(domains))"
    return Obstacle(
      reason: "the cores of the host's rank \(rank) lie in \(place)",
      remedy: "auto or node, or each rank bound to cores of one domain (mpirun --bind-to core)")
  }

  private static func tight(
    _ byteCount: Int, _ count: Int, _ factor: Int, _ memory: (available: Int, shared: Int)
  ) -> Obstacle? {
    // The kernel counts whole pages, and MPI some of its own.
    let needed = count * (byteCount + 1 << 20)
    let (name, available, times) =
      memory.shared < needed ? ("/dev/shm", memory.shared, 1) : ("memory", memory.available, factor)
    guard available < needed * times else { return nil }
    let wanted = times > 1 ? "\(times) times " : ""
    return Obstacle(
      reason: "\(name) has \(available >> 20) MiB left, and \(count) copies want \(wanted)\(needed >> 20)",
      remedy: "auto or node")
  }

  /// Several numbers in words.
  static func list(_ numbers: [Int]) -> String {
    let words = numbers.map(String.init)
    return words.count < 2 ? words.joined() : words.dropLast().joined(separator: ", ") + " and " + words.last!
  }

  /// What a run says of them.
  ///
  /// - Parameter host: The host's name.
  public func line(_ choice: Recipe.WeightsCopy, host: String) -> String {
    let key = "weights_copy: \(choice.rawValue)"
    guard let domains else {
      return "frozen weights: one copy on \(host) (\(key)\(reason.map { "; \($0)" } ?? ""))"
    }
    return "frozen weights: \(count) copies on \(host), one in each of NUMA domains "
      + "\(Self.list(Set(domains).sorted())) (\(key))"
  }
}

extension WeightCopies {
  /// Decides for this rank's host. Collective over the node; the ranks of a node come to the same.
  ///
  /// - Throws: ``RecipeError/outOfRange(key:_:found:requirement:)`` where `numa` cannot be done, `MPIError` and what
  ///   `byteCount` throws.
  init(
    _ choice: Recipe.WeightsCopy, place: RecipePlace, ranks: Ranks, byteCount: () throws -> Int
  ) throws {
    let cores = try ranks.node.allGatherV(ProcessorCores.available.map(Int64.init))
    // What changes while it is read is read once.
    let own = HostMemory.facts
    let memory = try ranks.node.broadcast([own.available, own.sharedFree].map(Int64.init))
    let host = Host(
      cores: cores.map { Set($0.map { Int($0) }) }, domains: MemoryDomains(),
      memory: (available: Int(memory[0]), shared: Int(memory[1])))
    do {
      try self.init(choice, on: host, byteCount: byteCount)
    } catch let obstacle as Obstacle {
      throw RecipeError.outOfRange(
        key: "weights_copy", place, found: choice.rawValue,
        requirement: "\(obstacle.remedy): on \(ranks.job.host), \(obstacle.reason)")
    }
  }

  /// The ranks that share this rank's copy. Collective over the node.
  ///
  /// - Returns: A part of the node, which is to be freed; nil: the whole node.
  func group(of node: Communicator) throws(MPIError) -> Communicator? {
    guard let domains else { return nil }
    return try node.split(color: domains[node.rank], key: node.rank)
  }
}

extension Recipe {
  /// How many copies of the frozen weights a host with several NUMA domains holds.
  public enum WeightsCopy: String, Sendable, CaseIterable {
    /// One, mapped from the model's file where its numbers lie there as they are held.
    case node
    /// One for each domain that ranks are in, in its own memory.
    case numa
    /// `numa` where each rank is within a domain, and memory has room for the copies and much else; else `node`.
    case auto
  }
}

extension Recipe.WeightsCopy: RecipeChoice {}
