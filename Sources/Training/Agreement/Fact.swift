/// Something that all ranks of a job must have alike, as one rank has it.
public struct Fact: Codable, Sendable, Equatable {
  /// What kind of thing it is: what to do about a difference, and with which code the program ends, depend on it.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// The program and the libraries whose code decides bits.
    case program
    case processor
    /// Which of a library's kernels are in use.
    case kernels
    /// The recipe, and the options of the command.
    case recipe
    case data
    case model, tokenizer, adapter
  }

  public let kind: Kind
  /// Such as "`learning_rate`"; one of its kind.
  public let name: String
  /// What must be equal, letter by letter.
  public let value: String
  /// The value as errors show it; it may tell more.
  public let shown: String
  /// Whether the value is a list of words, of which errors show those that differ.
  public let isList: Bool

  public init(_ kind: Kind, _ name: String, _ value: String, shown: String? = nil, isList: Bool = false) {
    (self.kind, self.name, self.value, self.shown, self.isList) = (kind, name, value, shown ?? value, isList)
  }
}

/// A rank's facts, with the place where it runs.
struct RankFacts: Codable, Sendable {
  let host: String
  let facts: [Fact]
}
