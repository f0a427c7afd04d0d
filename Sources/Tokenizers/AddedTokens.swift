/// A token that is looked for in the text itself, before anything else.
struct AddedToken: Sendable {
  let content: String
  let id: Int32
  /// Whether `decode` may skip it.
  let isSpecial: Bool
  /// Whether it counts only with no word scalar at its sides.
  let isSingleWord: Bool
  /// Whether it takes the white space before it along.
  let stripsLeft: Bool
  /// Whether it takes the white space after it along.
  let stripsRight: Bool
  /// Whether it is looked for in normalized text, after those that are not.
  let isNormalized: Bool

  /// Reads an element of `added_tokens`.
  init(_ field: JSONField) throws(TokenizerError) {
    content = try field["content"].text()
    id = try field["id"].tokenId()
    isSpecial = try field["special"].flag()
    isSingleWord = try field["single_word"].flag()
    stripsLeft = try field["lstrip"].flag()
    stripsRight = try field["rstrip"].flag()
    isNormalized = try field["normalized"].flag()
  }
}

/// Splits added tokens out of a text.
struct AddedTokens: Sendable {
  /// A part of a text.
  enum Piece: Equatable {
    case token(Int32)
    case text(Range<Int>)
  }

  private let verbatim: AddedTokenMatcher
  private let normalized: AddedTokenMatcher

  init(_ tokens: [AddedToken]) {
    verbatim = AddedTokenMatcher(tokens.filter { !$0.isNormalized })
    normalized = AddedTokenMatcher(tokens.filter(\.isNormalized))
  }

  /// `bytes` as added tokens and the text between them, none of it empty.
  func pieces(of bytes: Span<UInt8>) -> [Piece] {
    let pieces = verbatim.pieces(of: 0..<bytes.count, in: bytes)
    if normalized.isEmpty { return pieces }
    var result: [Piece] = []
    for piece in pieces {
      switch piece {
      case .token: result.append(piece)
      case .text(let range): result.append(contentsOf: normalized.pieces(of: range, in: bytes))
      }
    }
    return result
  }
}

/// Finds added tokens: the leftmost, and of several there the longest, as Hugging Face's
/// `AddedVocabulary::find_matches` does.
struct AddedTokenMatcher: Sendable {
  private struct Candidate {
    let bytes: [UInt8]
    let token: AddedToken
  }

  /// Tokens by their first byte, longest first.
  private var candidates = [[Candidate]](repeating: [], count: 256)
  private var startsToken = [Bool](repeating: false, count: 256)
  let isEmpty: Bool

  init(_ tokens: [AddedToken]) {
    isEmpty = tokens.isEmpty
    for token in tokens {
      let bytes = Array(token.content.utf8)
      guard let first = bytes.first else { continue }
      candidates[Int(first)].append(Candidate(bytes: bytes, token: token))
      startsToken[Int(first)] = true
    }
    for first in candidates.indices { candidates[first].sort { $0.bytes.count > $1.bytes.count } }
  }

  /// `range` of `bytes` as tokens and the text between them.
  func pieces(of range: Range<Int>, in bytes: Span<UInt8>) -> [AddedTokens.Piece] {
    var pieces: [AddedTokens.Piece] = []
    var done = range.lowerBound
    var index = range.lowerBound
    while let match = firstMatch(in: index..<range.upperBound, of: bytes) {
      index = match.range.upperBound
      if match.token.isSingleWord, touchesWord(match.range, in: range, of: bytes) { continue }
      var start = match.range.lowerBound
      var end = match.range.upperBound
      if match.token.stripsLeft { start = max(done, startOfSpace(before: start, in: range, of: bytes)) }
      if match.token.stripsRight { end = endOfSpace(after: end, in: range, of: bytes) }
      // Nothing is left of a token of white space that the token before it took along.
      guard start < end else { continue }
      if done < start { pieces.append(.text(done..<start)) }
      pieces.append(.token(match.token.id))
      // Not max(done, end): where white space is itself a token, Hugging Face goes back here too.
      done = end
    }
    if done < range.upperBound { pieces.append(.text(done..<range.upperBound)) }
    return pieces
  }

  private func firstMatch(in range: Range<Int>, of bytes: Span<UInt8>) -> (range: Range<Int>, token: AddedToken)? {
    if isEmpty { return nil }
    for index in range where startsToken[Int(bytes[index])] {
      for candidate in candidates[Int(bytes[index])]
      where index + candidate.bytes.count <= range.upperBound && bytes.holds(candidate.bytes, at: index) {
        return (index..<index + candidate.bytes.count, candidate.token)
      }
    }
    return nil
  }

  private func touchesWord(_ match: Range<Int>, in range: Range<Int>, of bytes: Span<UInt8>) -> Bool {
    if match.lowerBound > range.lowerBound, bytes.scalar(before: match.lowerBound).scalar.isWordScalar { return true }
    return match.upperBound < range.upperBound && bytes.scalar(at: match.upperBound).scalar.isWordScalar
  }

  private func startOfSpace(before end: Int, in range: Range<Int>, of bytes: Span<UInt8>) -> Int {
    var start = end
    while start > range.lowerBound {
      let (scalar, byteCount) = bytes.scalar(before: start)
      guard scalar.properties.isWhitespace else { break }
      start -= byteCount
    }
    return start
  }

  private func endOfSpace(after start: Int, in range: Range<Int>, of bytes: Span<UInt8>) -> Int {
    var end = start
    while end < range.upperBound {
      let (scalar, byteCount) = bytes.scalar(at: end)
      guard scalar.properties.isWhitespace else { break }
      end += byteCount
    }
    return end
  }
}
