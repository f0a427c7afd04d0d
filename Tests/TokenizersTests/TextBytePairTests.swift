import Testing

@testable import Tokenizers

/// Byte pairs over text, as LLaMA and Gemma have them. The expected tokens are those of Hugging Face's tokenizers 0.23.
struct TextBytePairTests {
  /// A file with ▁, a, b and c, and byte tokens for é; `options` are further members of the model.
  private func text(
    options: String, merges: String = #"["▁", "a"], ["b", "c"]"#, extra: String = "", byteTokens: Bool = true
  ) -> String {
    let bytes = byteTokens ? #", "<0xC3>": 8, "<0xA9>": 9"# : ""
    return """
      {"added_tokens": [],
       "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
       "pre_tokenizer": null, "post_processor": null,
       "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
       "model": {"type": "BPE", "merges": [\(merges)], \(options),
        "vocab": {"<unk>": 0, "▁": 1, "a": 2, "b": 3, "c": 4, "▁a": 5, "bc": 6\(bytes)\(extra)}}}
      """
  }

  @Test(arguments: [
    (#""unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true"#, ["▁a", "<0xC3>", "<0xA9>", "<unk>", "bc"]),
    (#""unk_token": "<unk>", "fuse_unk": true"#, ["▁a", "<unk>", "bc"]),
    (#""unk_token": "<unk>", "fuse_unk": false"#, ["▁a", "<unk>", "<unk>", "<unk>", "bc"]),
    (#""unk_token": null"#, ["▁a", "bc"]),
  ])
  func unknownScalarsBecomeBytesUnknownOrNothing(options: String, tokens: [String]) throws {
    #expect(try TokenizerJSON.tokenizer(of: text(options: options)).tokens("aéxybc") == tokens)
  }

  @Test func aPendingUnknownComesAfterTheBytesOfTheNextScalar() throws {
    let options = #""unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true"#
    #expect(
      try TokenizerJSON.tokenizer(of: text(options: options)).tokens("axéb") == [
        "▁a", "<0xC3>", "<0xA9>", "<unk>", "b",
      ])
  }

  @Test func decodingJoinsBytes() throws {
    let tokenizer = try TokenizerJSON.tokenizer(of: text(options: #""byte_fallback": true"#))
    #expect(tokenizer.decode(tokenizer.encode("a é a")) == "a é a")
    #expect(tokenizer.decode([5, 8, 3]) == "a\u{FFFD}b")
  }

  @Test func wordsAreCutOnlyWhereNoMergeCrosses() throws {
    let plain = try TokenizerJSON.tokenizer(of: text(options: #""unk_token": "<unk>""#))
    #expect(plain.tokens("a  a bc") == ["▁a", "▁", "▁a", "▁", "bc"])
    let merges = #"["▁", "a"], ["b", "c"], ["c", "▁"], ["b", "c▁"]"#
    let extra = #", "c▁": 7, "bc▁": 10"#
    let crossing = try TokenizerJSON.tokenizer(
      of: text(options: #""unk_token": "<unk>""#, merges: merges, extra: extra, byteTokens: false))
    #expect(crossing.tokens("c bc b") == ["▁", "c▁", "bc", "▁", "b"])
  }

  @Test func marksOfAWordsPlaceAreKept() throws {
    let json = """
      {"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
       "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
       "model": {"type": "BPE", "unk_token": "<unk>", "end_of_word_suffix": "</w>",
        "vocab": {"<unk>": 0, "a": 1, "b": 2, "b</w>": 3, "ab</w>": 4, "a</w>": 5}, "merges": ["a b</w>"]}}
      """
    let tokenizer = try TokenizerJSON.tokenizer(of: json)
    #expect(tokenizer.tokens("ab ba bb c") == ["ab</w>", "b", "a</w>", "b", "b</w>", "<unk>"])
    #expect(tokenizer.decode(tokenizer.encode("ab ba")) == "ab ba")
    let prefixed = """
      {"added_tokens": [], "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null,
       "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": false},
       "model": {"type": "BPE", "unk_token": "<unk>", "continuing_subword_prefix": "##",
        "vocab": {"<unk>": 0, "a": 1, "##b": 2, "ab": 3, "##bb": 4}, "merges": [["##b", "##b"], ["a", "##b"]]}}
      """
    #expect(try TokenizerJSON.tokenizer(of: prefixed).tokens("ab abb b") == ["ab", "a", "##bb", "<unk>"])
  }
}
