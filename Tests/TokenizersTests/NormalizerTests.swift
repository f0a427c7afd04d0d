import Testing

@testable import Tokenizers

struct NormalizerTests {
  private static func bert(
    cleans: Bool, separates: Bool, strips: some CustomStringConvertible, lowers: Bool
  ) -> String {
    #"{"type": "BertNormalizer", "clean_text": \#(cleans), "handle_chinese_chars": \#(separates), "#
      + #""strip_accents": \#(strips), "lowercase": \#(lowers)}"#
  }

  /// Texts and what Hugging Face's tokenizers 0.23 normalize them to.
  static let cases: [(String, [(String, String)])] = [
    (
      #"{"type": "NFC"}"#,
      [
        ("e\u{323}\u{301} \u{1112}\u{1161}\u{11AB} \u{AC00}\u{11A8}", "\u{1EB9}\u{301} \u{D55C} \u{AC01}"),
        ("a\u{315}\u{300}\u{5AE}\u{300}b \u{958} \u{2126}", "\u{E0}\u{5AE}\u{300}\u{315}b \u{915}\u{93C} \u{3A9}"),
      ]
    ),
    (
      #"{"type": "NFD"}"#,
      [
        ("\u{1E69} \u{D55C}", "s\u{323}\u{307} \u{1112}\u{1161}\u{11AB}"),
        ("a\u{301}\u{323}\u{345}", "a\u{323}\u{301}\u{345}"),
      ]
    ),
    (
      #"{"type": "NFKC"}"#,
      [
        ("\u{FB01}\u{2460}\u{BD}\u{32FF} \u{1E9B}\u{323}", "fi11\u{2044}2\u{32FF} \u{1E69}"),
        ("\u{FF76}\u{FF9E}\u{3000}\u{338F}", "\u{30AC} kg"),
      ]
    ),
    (
      #"{"type": "NFKD"}"#,
      [
        ("\u{FDF5} \u{C5}", "\u{635}\u{644}\u{639}\u{645} A\u{30A}"),
        ("\u{1D15E}", "\u{1D157}\u{1D165}"),
      ]
    ),
    (
      #"{"type": "Lowercase"}"#,
      [
        ("\u{391}\u{3A3} \u{130}I\u{1E9E}", "\u{3B1}\u{3C3} i\u{307}i\u{DF}"),
        ("\u{10400}\u{1C5}", "\u{10428}\u{1C6}"),
      ]
    ),
    (
      #"{"type": "StripAccents"}"#,
      [
        ("e\u{301}\u{E9} \u{947}\u{1CF2}\u{111C9}", "e\u{E9} \u{111C9}"),
        ("\u{20DD}a", "a"),
      ]
    ),
    (#"{"type": "Nmt"}"#, [("a\u{9}b\u{200B}c\u{1}d\u{2581}\u{FEFF}\u{AD}", "a b cd  \u{AD}")]),
    (
      #"{"type": "Strip", "strip_left": true, "strip_right": true}"#,
      [
        (" \u{9}\u{A0}a b\u{3000}\u{A}", "a b"),
        ("   ", ""),
      ]
    ),
    (#"{"type": "Strip", "strip_left": false, "strip_right": true}"#, [("  a  ", "  a")]),
    (#"{"type": "Prepend", "prepend": "_"}"#, [("a", "_a"), ("_a", "__a"), ("", "")]),
    (#"{"type": "Replace", "pattern": {"String": "ab"}, "content": "ba"}"#, [("aab abab", "aba baba")]),
    (#"{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}"#, [("a  b   c d", "a b c d")]),
    (
      #"{"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}"#,
      [
        ("\u{C9}t\u{C9} \u{1EA6}", "ete a")
      ]
    ),
    (#"{"type": "Sequence", "normalizers": []}"#, [("a\u{301}", "a\u{301}")]),
    (
      bert(cleans: true, separates: true, strips: "null", lowers: true),
      [
        ("\u{C9}\u{9}\u{4E2D}\u{6587}A\u{0}\u{FFFD}\u{200D}b\u{85}c\u{3000}d", "e  \u{4E2D}  \u{6587} abc d"),
        ("\u{AC00} e\u{301}\u{331}\u{20000}\u{2B820}\u{3042}", "\u{1100}\u{1161} e \u{20000} \u{2B820}\u{3042}"),
      ]
    ),
    (
      bert(cleans: true, separates: false, strips: false, lowers: false),
      [
        ("\u{C9}\u{1B}\u{2028}\u{4E2D}", "\u{C9} \u{4E2D}")
      ]
    ),
    (
      bert(cleans: false, separates: true, strips: true, lowers: false),
      [
        ("\u{C9}\u{9}\u{4E2D}\u{1734}x\u{1885}", "E\u{9} \u{4E2D} x\u{1885}")
      ]
    ),
  ]

  @Test(arguments: cases)
  func textsAgreeWithHuggingFace(json: String, texts: [(String, String)]) throws {
    let normalizer = try #require(try readNormalizer(part(json, at: "normalizer")))
    for (text, normalized) in texts { #expect(scalars(normalizer.normalized(Array(text.utf8))) == scalars(normalized)) }
  }

  /// Keys "a" to "b" and "ab" to "": by hand, in the layout of a double array.
  private static let map: CharacterMap = {
    // Node n's children lie at its offset xor the byte; a leaf's value lies at its offset.
    var units = [UInt32](repeating: 0, count: 512)
    let hasLeaf: UInt32 = 1 << 8
    units[0] = 1 << 10
    units[1 ^ 0x61] = 3 << 10 | hasLeaf | 0x61
    let a = (1 ^ 0x61) ^ 3
    units[a] = 1 << 31 | 0
    units[a ^ 0x62] = 200 << 10 | hasLeaf | 0x62
    units[(a ^ 0x62) ^ 200] = 1 << 31 | 2
    var bytes: [UInt8] = []
    for word in [UInt32(units.count * 4)] + units {
      for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(word >> shift & 0xFF)) }
    }
    return CharacterMap(bytes + Array("b\0\0".utf8))!
  }()

  @Test func characterMapsFindTheShortestOrTheLongestText() {
    let bytes = Array("aba".utf8)
    let longest = Self.map.longestMatch(0..<3, of: bytes.span)
    #expect(longest?.byteCount == 2 && longest?.text.isEmpty == true)
    let shortest = Self.map.shortestMatch(0..<3, of: bytes.span)
    #expect(shortest == Array("b".utf8)[...])
    let none = Self.map.shortestMatch(1..<3, of: bytes.span)
    #expect(none == nil)
    #expect(CharacterMap([4, 0, 0, 0]) == nil)
    #expect(CharacterMap([]) == nil)
  }

  @Test func precompiledMapsScalarsAndSentencePieceTheLongestText() {
    let text = Array("abc".utf8)
    #expect(scalars(PrecompiledNormalizer(map: Self.map).normalized(text)) == scalars("bbc"))
    let normalizer = SentencePieceNormalizer(
      map: Self.map, fixedTokens: nil, addsDummyPrefix: false, marksWordsAtTheirEnd: false, removesExtraSpaces: false,
      escapesSpaces: true)
    #expect(scalars(normalizer.normalized(text)) == scalars("c"))
  }

  @Test(arguments: [
    (true, false, true, "  a  b ", "_a_b"), (true, false, false, " a  ", "__a__"), (false, false, true, " a ", "a"),
    (true, true, true, " a b", "a_b_"), (true, false, true, "   ", ""), (true, false, true, "", ""),
  ])
  func sentencePieceWritesSpaces(dummy: Bool, atEnd: Bool, removes: Bool, text: String, expected: String) {
    let normalizer = SentencePieceNormalizer(
      map: nil, fixedTokens: nil, addsDummyPrefix: dummy, marksWordsAtTheirEnd: atEnd, removesExtraSpaces: removes,
      escapesSpaces: true)
    let normalized = normalizer.normalized(Array(text.utf8))
    #expect(scalars(normalized) == scalars(expected.replacing("_", with: "\u{2581}")))
  }
}
