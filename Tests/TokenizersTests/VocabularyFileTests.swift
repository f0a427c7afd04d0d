import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// The expected ids are those of Hugging Face's transformers 5.23.
struct VocabularyFileTests {
  private static let wordPieces = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\ne\né\nÉ\n中\n"
  private static let roberta =
    #"{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "b": 6, "Ġ": 7, "ab": 8, "Ġab": 9}"#
  private static let gpt2 = #"{"<|endoftext|>": 0, "a": 1, "b": 2, "Ġ": 3, "ab": 4, "Ġab": 5}"#
  private static let merges = "#version: 0.2\na b\r\nĠ ab\n"

  private func tokenizer(_ files: [String: String]) throws -> Tokenizer {
    try withTemporaryFolder { folder in
      for (name, content) in files { try Data(content.utf8).write(to: folder.appending(path: name)) }
      return try Tokenizer(folder: folder)
    }
  }

  @Test func bertsVocabularyIsEnough() throws {
    let tokenizer = try tokenizer(["vocab.txt": Self.wordPieces, "config.json": #"{"model_type": "bert"}"#])
    #expect(tokenizer.encode("Unaff É 中中") == [2, 5, 6, 7, 10, 10, 3])
    #expect(tokenizer.encode("un [MASK]") == [2, 5, 4, 3])
    #expect(tokenizer.encode("un", and: "é") == TokenSequence(ids: [2, 5, 3, 7, 3], types: [0, 0, 0, 1, 1]))
    #expect(tokenizer.decode([2, 5, 6, 7, 3]) == "unaff e")
    #expect(tokenizer.files.map(\.lastPathComponent) == ["vocab.txt"])
    #expect(tokenizer.specialTokens.classification == 2 && tokenizer.specialTokens.mask == 4)
  }

  @Test func bertsConfigurationCounts() throws {
    let options = """
      {"tokenizer_class": "BertTokenizerFast", "do_lower_case": false, "tokenize_chinese_chars": false,
       "cls_token": "un"}
      """
    let tokenizer = try tokenizer(["vocab.txt": Self.wordPieces, "tokenizer_config.json": options])
    #expect(tokenizer.encode("Unaff É 中中") == [5, 1, 9, 1, 3])
    #expect(tokenizer.files.map(\.lastPathComponent) == ["vocab.txt", "tokenizer_config.json"])
  }

  @Test func robertasVocabularyAndMergesAreEnough() throws {
    let files = ["vocab.json": Self.roberta, "merges.txt": Self.merges]
    let plain = try tokenizer(files.merging(["config.json": #"{"model_type": "roberta"}"#]) { $1 })
    #expect(plain.encode("ab ab<mask>") == [0, 8, 9, 4, 2])
    #expect(plain.encode("a", and: "b").ids == [0, 5, 2, 2, 6, 2])
    #expect(plain.encode("a <mask>b") == [0, 5, 7, 4, 6, 2])
    #expect(plain.files.map(\.lastPathComponent) == ["vocab.json", "merges.txt"])
    #expect(plain.paddingId == 1 && plain.endOfTextId == 2)

    let options = """
      {"tokenizer_class": "RobertaTokenizer", "add_prefix_space": true,
       "mask_token": {"content": "<mask>", "lstrip": true, "rstrip": false, "normalized": false}}
      """
    let stripping = try tokenizer(files.merging(["tokenizer_config.json": options]) { $1 })
    #expect(stripping.encode("ab") == [0, 9, 2])
    #expect(stripping.encode("a <mask>b") == [0, 7, 5, 4, 7, 6, 2])

    let listed = """
      {"tokenizer_class": "RobertaTokenizer", "added_tokens_decoder": {"4": {"content": "<mask>", "lstrip": true,
       "rstrip": false, "single_word": false, "normalized": false, "special": true}}}
      """
    let decoder = try tokenizer(files.merging(["tokenizer_config.json": listed]) { $1 })
    #expect(decoder.encode("a <mask>") == [0, 5, 4, 2])
  }

  @Test func gpt2sVocabularyAndMergesAreEnough() throws {
    let tokenizer = try tokenizer([
      "vocab.json": Self.gpt2, "merges.txt": Self.merges,
      "tokenizer_config.json": #"{"tokenizer_class": "GPT2Tokenizer"}"#,
    ])
    #expect(tokenizer.encode("ab ab<|endoftext|>a") == [4, 5, 0, 1])
    #expect(tokenizer.endOfTextId == 0)
  }

  @Test func whatAVocabularyAsksThatIsNotThereIsNamed() throws {
    func failure(_ files: [String: String]) throws -> String {
      let error = try #require(throws: TokenizerError.self) { _ = try tokenizer(files) }
      #expect(!error.description.contains("\n"))
      return try #require(error.description.split(separator: "/").last).description
    }
    #expect(
      try failure(["vocab.txt": Self.wordPieces])
        == "tokenizer_config.json asks for tokenizer_class null for vocab.txt, which is not supported here; "
        + "supported: BertTokenizer, or any with a tokenizer.json.")
    #expect(
      try failure(["vocab.json": Self.gpt2, "config.json": #"{"model_type": "clip"}"#])
        == "config.json asks for model_type \"clip\" for vocab.json, which is not supported here; supported: "
        + "GPT2Tokenizer, RobertaTokenizer, or any with a tokenizer.json.")
    #expect(
      try failure(["vocab.json": Self.gpt2, "config.json": #"{"model_type": "gpt2"}"#])
        == "merges.txt: cannot be read: there is no such file. Give a folder with a tokenizer.json, a SentencePiece "
        + "model, or the vocabulary files of BERT, GPT-2 or RoBERTa.")
    let begins = #"{"tokenizer_class": "GPT2Tokenizer", "add_bos_token": true}"#
    #expect(
      try failure(["vocab.json": Self.gpt2, "merges.txt": Self.merges, "tokenizer_config.json": begins])
        == "tokenizer_config.json asks for add_bos_token true, which is not supported here; supported: false.")
    #expect(
      try failure(["vocab.txt": "[UNK]\n[CLS]\n", "config.json": #"{"model_type": "bert"}"#])
        .hasPrefix("vocab.txt: the vocabulary lacks \"[SEP]\", the sep_token."))
    #expect(
      try failure(["vocab.txt": Self.wordPieces, "added_tokens.json": #"{"x": 11}"#])
        .hasPrefix("added_tokens.json asks for added tokens without their flags"))
  }
}
