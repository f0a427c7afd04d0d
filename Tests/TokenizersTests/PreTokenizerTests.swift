import Testing

@testable import Tokenizers

struct PreTokenizerTests {
  private static func split(_ pattern: String, _ behavior: String, inverted: Bool = false) -> String {
    let pattern = pattern.replacing("\\", with: "\\\\")
    return
      #"{"type": "Split", "pattern": {"Regex": "\#(pattern)"}, "behavior": "\#(behavior)", "invert": \#(inverted)}"#
  }

  private static func metaspace(_ scheme: String, splits: Bool = true) -> String {
    #"{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "\#(scheme)", "split": \#(splits)}"#
  }

  private static func sequence(_ parts: String...) -> String {
    #"{"type": "Sequence", "pretokenizers": [\#(parts.joined(separator: ", "))]}"#
  }

  /// Texts and the words that Hugging Face's tokenizers 0.23 cut them into.
  static let cases: [(String, [(String, [String])])] = [
    (#"{"type": "WhitespaceSplit"}"#, [(" a\u{A0}b\u{A}\u{3000}c\u{200B}d ", ["a", "b", "c\u{200B}d"])]),
    (
      #"{"type": "Whitespace"}"#,
      [
        (
          "it's \u{E9}t\u{E9}_1!? \u{4E2D}\u{2460} \u{B2}",
          ["it", "'", "s", "\u{E9}t\u{E9}_1", "!?", "\u{4E2D}", "\u{2460}", "\u{B2}"]
        )
      ]
    ),
    (
      #"{"type": "BertPreTokenizer"}"#,
      [
        (
          "Hey,you \u{2014} a$b\u{3002}c \u{20AC}",
          ["Hey", ",", "you", "\u{2014}", "a", "$", "b", "\u{3002}", "c", "\u{20AC}"]
        )
      ]
    ),
    (#"{"type": "Punctuation", "behavior": "Isolated"}"#, [("a, b!!", ["a", ",", " b", "!", "!"])]),
    (#"{"type": "Punctuation", "behavior": "Contiguous"}"#, [("a, b!!?c", ["a", ",", " b", "!!?", "c"])]),
    (#"{"type": "Punctuation"}"#, [("!!", ["!", "!"])]),
    (
      #"{"type": "Digits", "individual_digits": true}"#,
      [
        ("a12\u{BD} b\u{663}", ["a", "1", "2", "\u{BD}", " b", "\u{663}"])
      ]
    ),
    (
      #"{"type": "Digits", "individual_digits": false}"#,
      [
        ("a12\u{BD} b\u{663}", ["a", "12\u{BD}", " b", "\u{663}"])
      ]
    ),
    (#"{"type": "CharDelimiterSplit", "delimiter": "-"}"#, [("a--b-c", ["a", "b", "c"])]),
    (split(#"\d+"#, "Removed"), [("12ab345c6", ["ab", "c"])]),
    (split(#"\d+"#, "Removed", inverted: true), [("12ab345c6", ["12", "345", "6"])]),
    (split(#"\d+"#, "Isolated"), [("12ab345c6", ["12", "ab", "345", "c", "6"])]),
    (split(#"\d+"#, "Isolated", inverted: true), [("12ab345c6", ["12", "ab", "345", "c", "6"])]),
    (split(#"\d+"#, "MergedWithPrevious"), [("12ab345c6", ["12", "ab345", "c6"])]),
    (split(#"\d+"#, "MergedWithPrevious", inverted: true), [("12ab345c6", ["12ab", "345c", "6"])]),
    (split(#"\d+"#, "MergedWithNext"), [("12ab345c6", ["12ab", "345c", "6"])]),
    (split(#"\d+"#, "MergedWithNext", inverted: true), [("12ab345c6", ["12", "ab345", "c6"])]),
    (split(#"\d+"#, "Contiguous"), [("12ab345c6", ["12", "ab", "345", "c", "6"])]),
    (split(#"\d+"#, "Contiguous", inverted: true), [("12ab345c6", ["12", "ab", "345", "c", "6"])]),
    (split(#"-"#, "MergedWithPrevious"), [("-the-final--countdown-", ["-", "the-", "final-", "-", "countdown-"])]),
    (split(#"-"#, "MergedWithNext"), [("-the-final--countdown-", ["-the", "-final", "-", "-countdown", "-"])]),
    (split(#"-"#, "Contiguous"), [("-the-final--countdown-", ["-", "the", "-", "final", "--", "countdown", "-"])]),
    (
      #"{"type": "Split", "pattern": {"String": ".*"}, "behavior": "Isolated", "invert": false}"#,
      [
        ("a.*b.c", ["a", ".*", "b.c"])
      ]
    ),
    (
      metaspace("always"),
      [
        ("a b  c", ["\u{2581}a", "\u{2581}b", "\u{2581}", "\u{2581}c"]),
        ("\u{2581}a", ["\u{2581}a"]),
        ("", []),
        (" ", ["\u{2581}"]),
      ]
    ),
    (metaspace("always", splits: false), [("a b", ["\u{2581}a\u{2581}b"])]),
    (metaspace("first"), [("a b", ["\u{2581}a", "\u{2581}b"])]),
    (metaspace("never"), [("a b", ["a", "\u{2581}b"])]),
    (#"{"type": "Metaspace", "replacement": "_", "add_prefix_space": true}"#, [("a b", ["_a", "_b"])]),
    (sequence(#"{"type": "WhitespaceSplit"}"#, metaspace("always")), [(" a b ", ["\u{2581}a", "\u{2581}b"])]),
    (
      sequence(#"{"type": "WhitespaceSplit"}"#, metaspace("first")),
      [
        ("a b", ["\u{2581}a", "b"]),
        (" a b", ["a", "b"]),
      ]
    ),
    (
      sequence(#"{"type": "BertPreTokenizer"}"#, #"{"type": "Digits", "individual_digits": true}"#),
      [
        ("a.12", ["a", ".", "1", "2"])
      ]
    ),
  ]

  @Test(arguments: cases)
  func wordsAgreeWithHuggingFace(json: String, texts: [(String, [String])]) throws {
    let preTokenizer = try #require(try readPreTokenizer(part(json, at: "pre_tokenizer")))
    for (text, words) in texts {
      var cut = CutText(Array(text.utf8), beginsText: true)
      preTokenizer.cut(&cut)
      #expect(cut.words.map { scalars(cut.bytes[$0]) } == words.map { scalars($0) })
    }
  }

  @Test func onlyTheTextsBeginningGetsTheFirstMetaspace() throws {
    var file = TokenizerJSON(added: [.init(content: "<m>")])
    file.preTokenizer = Self.metaspace("first", splits: false)
    file.decoder = "null"
    file.modelOptions = #""type": "BPE", "unk_token": null, "byte_fallback": false"#
    file.extraTokens = ["\u{2581}"]
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.tokens("a<m>a b") == ["\u{2581}", "a", "<m>", "a", "\u{2581}", "b"])
    #expect(tokenizer.tokens("<m>a") == ["<m>", "a"])
    #expect(tokenizer.tokens("\u{2581}a") == ["\u{2581}", "a"])
  }
}
