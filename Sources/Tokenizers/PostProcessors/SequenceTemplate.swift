/// Where special tokens go around one text or two, and of what type each token is: what a post-processor does to ids.
struct SequenceTemplate: Sendable, Equatable {
  /// An element of a template and the type of its tokens.
  struct Part: Sendable, Equatable {
    enum Content: Sendable, Equatable {
      case special([Int32])
      case first
      case second
    }
    let content: Content
    let type: Int32

    init(_ content: Content, type: Int32 = 0) {
      self.content = content
      self.type = type
    }
  }

  let single: [Part]
  let pair: [Part]

  /// No special tokens; the second text is of type 1.
  static let plain = SequenceTemplate(single: [Part(.first)], pair: [Part(.first), Part(.second, type: 1)])

  /// The tokens that `parts` asks for around two texts' ids.
  func fill(_ first: [Int32], _ second: [Int32]?, addSpecialTokens: Bool) -> TokenSequence {
    let parts = second == nil ? single : pair
    var ids: [Int32] = []
    var types: [Int32] = []
    for part in parts {
      switch part.content {
      case .special(let special): if addSpecialTokens { ids += special }
      case .first: ids += first
      case .second: ids += second ?? []
      }
      types += repeatElement(part.type, count: ids.count - types.count)
    }
    return TokenSequence(ids: ids, types: types)
  }

  /// The number of special tokens around one text, or two.
  func specialTokenCount(isPair: Bool) -> Int {
    (isPair ? pair : single).reduce(0) { count, part in
      if case .special(let ids) = part.content { count + ids.count } else { count }
    }
  }
}

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
