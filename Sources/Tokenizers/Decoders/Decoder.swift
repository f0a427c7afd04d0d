/// Turns tokens back into text: the part `decoder` of a tokenizer.json. The text is what is left, joined.
protocol TokenDecoder: Sendable {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]]
}

/// Reads `decoder`; without one tokens are joined by spaces.
func readDecoder(_ field: JSONField) throws(TokenizerError) -> any TokenDecoder {
  guard let type = try field.type() else { return SpaceJoinedDecoder() }
  switch type {
  case "Sequence":
    return DecoderSequence(
      parts: try field["decoders"].elements().map { part throws(TokenizerError) in try readDecoder(part) })
  case "BPEDecoder":
    let suffix = try field["suffix"].text()
    guard !suffix.isEmpty else { throw field["suffix"].problem("must not be empty") }
    return WordEndDecoder(suffix: Array(suffix.utf8))
  case "ByteFallback": return ByteFallbackDecoder()
  case "ByteLevel": return ByteLevelDecoder()
  case "Fuse": return FuseDecoder()
  case "Metaspace":
    return MetaspaceDecoder(
      replacement: try field["replacement"].scalar(), dropsLeading: try PrependScheme(field) != .never)
  case "Replace": return ReplaceDecoder(replacement: try Replacement(field))
  case "Strip":
    return StripDecoder(
      content: try field["content"].scalar(), start: try field["start"].count(), stop: try field["stop"].count())
  case "WordPiece":
    return WordPieceDecoder(prefix: Array(try field["prefix"].text().utf8), cleansUp: try field["cleanup"].flag())
  default:
    throw field.unsupported(
      type,
      supported: "null, BPEDecoder, ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece")
  }
}

/// Decoders one after another.
struct DecoderSequence: TokenDecoder {
  let parts: [any TokenDecoder]

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    parts.reduce(tokens) { $1.decode($0) }
  }
}

/// Puts a space between tokens.
struct SpaceJoinedDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    [Array(tokens.joined(separator: [UInt8(ascii: " ")]))]
  }
}

/// Joins the tokens into one, for the decoders after it.
struct FuseDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] { [Array(tokens.joined())] }
}

/// Replaces a pattern in each token.
struct ReplaceDecoder: TokenDecoder {
  let replacement: Replacement

  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    tokens.map { token in
      var output: [UInt8] = []
      replacement.append(token.span, to: &output)
      return output
    }
  }
}
