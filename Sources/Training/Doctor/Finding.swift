/// Something that would stop a run, slow it, or mislead who looks at it; told before the run.
public struct Finding: Codable, Sendable, Equatable, CustomStringConvertible {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    case silentHost = "silent_host"
    case program, processor, kernels, recipe, data, model, tokenizer, adapter
    case openMPI = "open_mpi"
    /// Kernels that leave the processor's instructions idle.
    case coreType = "core_type"
    case slowProducts = "slow_products"
    case slowProcessor = "slow_processor"
    /// Processes bound to fewer cores than there are.
    case binding
    case idleCores = "idle_cores"
    case oversubscribed
    case ranks
    case memory
    case sharedMemory = "shared_memory"
    case clock
    case output
    case diskSpace = "disk_space"
    case network
    case job
  }

  /// What becomes of a run.
  public enum Effect: String, Codable, Sendable, CaseIterable {
    case stops, slows, misleads
  }

  public let kind: Kind
  public let effect: Effect
  /// None where it is not a matter of single hosts.
  public let hosts: [String]
  /// What is wrong, with its numbers.
  public let fault: String
  /// The flag or the command that mends it.
  public let remedy: String

  init(_ kind: Kind, _ effect: Effect, _ hosts: [String], _ fault: String, _ remedy: String) {
    (self.kind, self.effect, self.hosts, self.fault, self.remedy) = (kind, effect, hosts, fault, remedy)
  }

  /// In one line.
  public var description: String {
    (hosts.isEmpty ? "" : "\(RankPlaces.list(hosts, limit: 8)): ") + "\(fault). \(remedy)."
  }
}
