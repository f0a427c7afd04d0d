import Tokenizers

extension Tokenizer: TextEncoding {
  public func pair(_ first: [Int32], _ second: [Int32]) -> (ids: [Int32], types: [Int32]) {
    let sequence = sequence(first, and: second)
    return (sequence.ids, sequence.types)
  }
}
