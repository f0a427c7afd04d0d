/// One prompt and the answers that count as right.
public struct Example: Sendable, Equatable {
  /// The example's name in its file; the line number where it has none.
  public let id: String
  /// The prompt.
  public let source: String
  /// The second text of a pair, for an encoder's second segment; nil: there is one text.
  public let sourcePair: String?
  /// The answer to train on: the first reference.
  public let target: String
  /// Every answer that counts as right; at least one.
  public let references: [String]

  public init(id: String, source: String, sourcePair: String? = nil, references: [String]) {
    precondition(!references.isEmpty, "example \(id) without a reference")
    self.id = id
    (self.source, self.sourcePair) = (source, sourcePair)
    self.target = references[0]
    self.references = references
  }
}
