import Testing

@testable import Tokenizers

/// The expected tokens are those of Hugging Face's tokenizers 0.23.
struct AddedTokensTests {
  @Test(arguments: [
    ("x<a>y", ["x", "<a>", "y"]),
    ("<ab><a>", ["<ab>", "<a>"]),
    ("<a><ab>", ["<a><", "a", "b", ">"]),
    ("<<a>", ["<", "<a>"]),
  ])
  func theLeftmostThenTheLongestWins(text: String, tokens: [String]) throws {
    let file = TokenizerJSON(added: [.init(content: "<a>"), .init(content: "<ab>"), .init(content: "<a><")])
    #expect(try file.tokenizer().tokens(text) == tokens)
  }

  @Test(arguments: [
    ("wo", ["wo"]),
    ("two wo", ["t", "w", "o", "Ġ", "wo"]),
    ("wo_", ["w", "o", "_"]),
    ("(wo)", ["(", "wo", ")"]),
    ("wo\u{301}", ["w", "o", "\u{CC}", "\u{123}"]),
    ("\u{E9}wo wo\u{200D}", ["\u{C3}", "\u{A9}", "w", "o", "Ġ", "w", "o", "\u{E2}", "\u{122}", "\u{12F}"]),
    // A letter of Unicode 17 is no word scalar yet.
    ("wo\u{10940}", ["wo", "\u{F0}", "\u{132}", "\u{A5}", "\u{122}"]),
  ])
  func singleWordsTouchNoWord(text: String, tokens: [String]) throws {
    let file = TokenizerJSON(added: [.init(content: "wo", flags: ["single_word"])])
    #expect(try file.tokenizer().tokens(text) == tokens)
  }

  @Test(arguments: [
    ("a \n<m> b", ["a", "<m>", "Ġ", "b"]),
    ("a <r> \u{A0}b", ["a", "Ġ", "<r>", "b"]),
    ("<r> <m>", ["<r>", "<m>"]),
  ])
  func strippingTakesWhiteSpaceAlong(text: String, tokens: [String]) throws {
    let file = TokenizerJSON(added: [
      .init(content: "<m>", flags: ["lstrip"]), .init(content: "<r>", flags: ["rstrip"]),
    ])
    #expect(try file.tokenizer().tokens(text) == tokens)
  }

  @Test func whiteSpaceTakenAlongIsNoTokenAgain() throws {
    let file = TokenizerJSON(added: [.init(content: "  ", flags: ["lstrip", "rstrip"])])
    #expect(try file.tokenizer().tokens("a    b") == ["a", "  ", "b"])
  }

  @Test func normalizedTokensComeSecond() throws {
    let file = TokenizerJSON(added: [.init(content: "<a>b", flags: ["normalized"]), .init(content: "<a>")])
    #expect(try file.tokenizer().tokens("<a>b") == ["<a>", "b"])
  }

  @Test func everyPieceOfTextGetsThePrefixSpace() throws {
    var file = TokenizerJSON(added: [.init(content: "<a>")])
    file.preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": true}"#
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.tokens("x<a>y<a> z") == ["Ġ", "x", "<a>", "Ġ", "y", "<a>", "Ġ", "z"])
    #expect(tokenizer.tokens("") == [])
  }

  @Test func canonicallyEquivalentTokensStayApart() throws {
    let tokenizer = try TokenizerJSON(added: [.init(content: "<\u{E9}>"), .init(content: "<e\u{301}>")]).tokenizer()
    #expect(tokenizer.encode("<\u{E9}><e\u{301}>") == [256, 257])
    #expect(tokenizer.id(for: "<e\u{301}>") == 257)
  }
}
