/// Splits added tokens out of a text.
struct AddedTokens: Sendable {
  /// A part of a text.
  enum Piece: Equatable {
    case token(Int32)
    case text(Range<Int>)
  }

  /// Those looked for in the text as it stands.
  let verbatim: AddedTokenMatcher
  /// Those looked for in normalized text.
  let normalized: AddedTokenMatcher

  /// What tokens looked for in normalized text are decoded as: their normalized form.
  let normalizedTexts: [Int32: [UInt8]]
  /// Tokens that decoding may skip: those decoded as a special token is written.
  let skippedIds: Set<Int32>

  /// - Parameter normalizer: What the tokens looked for in normalized text are normalized by too.
  init(_ tokens: [AddedToken], normalizer: (any Normalizer)?) {
    // Of tokens that become the same text special ones win, then earlier ones.
    let ordered = tokens.filter(\.isSpecial) + tokens.filter { !$0.isSpecial }
    let texts = ordered.map { token in
      let bytes = Array(token.content.utf8)
      return token.isNormalized ? normalizer?.normalized(bytes) ?? bytes : bytes
    }
    let found = zip(texts, ordered).map { (bytes: $0, token: $1) }
    verbatim = AddedTokenMatcher(found.filter { !$0.token.isNormalized })
    normalized = AddedTokenMatcher(found.filter(\.token.isNormalized))
    normalizedTexts = Dictionary(
      found.filter(\.token.isNormalized).map { ($0.token.id, $0.bytes) }, uniquingKeysWith: { $1 })
    let specials = Set(tokens.filter(\.isSpecial).map { Array($0.content.utf8) })
    skippedIds = Set(found.filter { specials.contains($0.bytes) }.map(\.token.id))
  }
}
