/// What became of the question to a host, and what the run wants of it.
public struct HostReport: Sendable, Equatable {
  public enum Answer: Sendable, Equatable {
    /// - Parameter clockOffset: Seconds by which its clock is ahead of the asking host's, or behind where it is less than
    ///   0, as far as that is sure; 0 where none is.
    case facts(HostFacts, clockOffset: Double)
    case fault(Fault)
  }

  /// Why a host told no facts.
  public enum Fault: Sendable, Equatable {
    case silent(reason: String)
    case noProgram(path: String)
    /// The program there does not know the question, or answers it otherwise.
    case otherProgram(reason: String)
    case failed(reason: String)
  }

  /// As the hostfile has it.
  public let name: String
  /// Ranks that are to run there.
  public let ranks: Int
  /// Threads of each.
  public let threads: Int
  public let answer: Answer

  public init(name: String, ranks: Int, threads: Int, answer: Answer) {
    (self.name, self.ranks, self.threads, self.answer) = (name, ranks, threads, answer)
  }

  public var facts: HostFacts? { if case .facts(let facts, _) = answer { facts } else { nil } }
}
