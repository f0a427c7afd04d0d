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

  /// Finds `tokens` by their bytes; of equal ones the first.
  init(_ tokens: [(bytes: [UInt8], token: AddedToken)]) {
    isEmpty = tokens.isEmpty
    for (bytes, token) in tokens {
      guard let first = bytes.first else { continue }
      let place = candidates[Int(first)].firstIndex { $0.bytes.count < bytes.count } ?? candidates[Int(first)].count
      candidates[Int(first)].insert(Candidate(bytes: bytes, token: token), at: place)
      startsToken[Int(first)] = true
    }
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
      // No further back than `done`: in long white space that is itself tokens, this would be quadratic.
      if match.token.stripsLeft {
        start = max(done, startOfSpace(before: start, in: min(done, start)..<range.upperBound, of: bytes))
      }
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
      guard scalar.isSpace else { break }
      start -= byteCount
    }
    return start
  }

  private func endOfSpace(after start: Int, in range: Range<Int>, of bytes: Span<UInt8>) -> Int {
    var end = start
    while end < range.upperBound {
      let (scalar, byteCount) = bytes.scalar(at: end)
      guard scalar.isSpace else { break }
      end += byteCount
    }
    return end
  }
}
