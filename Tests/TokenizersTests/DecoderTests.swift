import Testing

@testable import Tokenizers

struct DecoderTests {
  private static let strip = #"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#

  /// Tokens and what Hugging Face's tokenizers 0.23 decode them to.
  static let cases: [(String, [String], String)] = [
    (
      #"{"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}"#,
      ["\u{120}a", "\u{C3}", "\u{A9}", "\u{65E5}"],
      " a\u{E9}\u{65E5}"
    ),
    (#"{"type": "BPEDecoder", "suffix": "</w>"}"#, ["a</w>", "b", "c</w>"], "a bc"),
    (
      ###"{"type": "WordPiece", "prefix": "##", "cleanup": true}"###,
      ["##a", "b", "##c", ".", "'", "m", " do not", "'s"],
      "##a bc. ' m  don't's"
    ),
    (###"{"type": "WordPiece", "prefix": "##", "cleanup": false}"###, ["a", ".", "####"], "a .##"),
    (
      #"{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": true}"#,
      ["\u{2581}a\u{2581}", "\u{2581}b"],
      "a b"
    ),
    (
      #"{"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "never", "split": true}"#,
      ["\u{2581}a", "\u{2581}b"],
      " a b"
    ),
    (
      #"{"type": "ByteFallback"}"#,
      ["<0xE4>", "<0xb8>", "<0xAD>", "a", "<0xE4>", "b", "<0x41>", "<0x4>"],
      "\u{4E2D}a\u{FFFD}bA<0x4>"
    ),
    (#"{"type": "Strip", "content": " ", "start": 1, "stop": 0}"#, ["  a ", " b"], " a b"),
    (#"{"type": "Strip", "content": "-", "start": 0, "stop": 2}"#, ["a---", "-b"], "a--b"),
    // As many as there are, however many are asked for.
    (#"{"type": "Strip", "content": "-", "start": 4000000000, "stop": 4000000000}"#, ["--a-", "b"], "ab"),
    (
      #"{"type": "Sequence", "decoders": [{"type": "Fuse"}, \#(strip)]}"#,
      [" a", " b"],
      "a b"
    ),
    (
      #"{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}"#,
      ["\u{2581}a", "b\u{2581}\u{2581}"],
      " ab  "
    ),
    (###"{"type": "Replace", "pattern": {"Regex": "[0-9]+"}, "content": "#"}"###, ["a12", "3"], "a##"),
    ("null", ["a", "b"], "a b"),
  ]

  @Test(arguments: cases)
  func textsAgreeWithHuggingFace(json: String, tokens: [String], text: String) throws {
    let decoder = try readDecoder(part(json, at: "decoder"))
    #expect(scalars(Array(decoder.decode(tokens.map { Array($0.utf8) }).joined())) == scalars(text))
  }
}
