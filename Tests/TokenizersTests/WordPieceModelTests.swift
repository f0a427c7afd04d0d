import Testing

@testable import Tokenizers

struct WordPieceModelTests {
  private static let text = """
    {"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
     "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
     "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
      "max_input_chars_per_word": 6,
      "vocab": {"[UNK]": 0, "un": 1, "##aff": 2, "##able": 3, "##a": 4, "ab": 5, "##": 6, "é": 7, "##é": 8}}}
    """

  @Test(arguments: [
    ("unaff ab", ["un", "##aff", "ab"]), ("unaffx ab", ["[UNK]", "ab"]), ("aff", ["[UNK]"]), ("##a", ["##a"]),
    ("##", ["##"]), ("éééééé", ["é", "##é", "##é", "##é", "##é", "##é"]), ("ééééééé", ["[UNK]"]), ("", []), ("  ", []),
  ])
  func theLongestTokenFromTheLeftWins(text: String, tokens: [String]) throws {
    #expect(try TokenizerJSON.tokenizer(of: Self.text).tokens(text) == tokens)
  }

  @Test func wordsAreJoinedAgain() throws {
    #expect(try TokenizerJSON.tokenizer(of: Self.text).decode([1, 2, 5]) == "unaff ab")
  }
}
