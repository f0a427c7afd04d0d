/// Token ids as a model takes them, and the type of each: 0 or 1 for the first and second text where a model tells them
/// apart, such as BERT.
public struct TokenSequence: Sendable, Equatable {
  public var ids: [Int32]
  /// As many as `ids`.
  public var types: [Int32]

  public init(ids: [Int32], types: [Int32]) {
    precondition(ids.count == types.count, "\(ids.count) ids, \(types.count) types")
    self.ids = ids
    self.types = types
  }
}
