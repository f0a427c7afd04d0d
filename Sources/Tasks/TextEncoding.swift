import Tokenizers

/// What this module asks of a tokenizer.
public protocol TextEncoding: Sendable {
  /// The token ids of a text; with special tokens, as the model expects a whole input.
  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32]
  /// Two texts' ids, encoded without special tokens, as the model expects a pair in one sequence, and each token's
  /// type.
  func pair(_ first: [Int32], _ second: [Int32]) -> (ids: [Int32], types: [Int32])
  /// The text of token ids.
  func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String
  /// The token that ends a text; nil if the tokenizer has none.
  var endOfTextId: Int32? { get }
}

extension Tokenizer: TextEncoding {
  public func pair(_ first: [Int32], _ second: [Int32]) -> (ids: [Int32], types: [Int32]) {
    let sequence = sequence(first, and: second)
    return (sequence.ids, sequence.types)
  }
}
