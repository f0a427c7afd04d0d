import Foundation
import TestSupport
import Testing

@testable import Tokenizers

struct TokenizerErrorTests {
  /// The text of the error that reading `text` as tokenizer.json gives, without the folder's path.
  private func failure(_ text: String) throws -> String {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "tokenizer.json")
      try Data(text.utf8).write(to: file)
      let error = try #require(throws: TokenizerError.self) { _ = try Tokenizer(file: file) }
      #expect(!error.description.contains("\n"))
      return error.description.replacing(folder.path + "/", with: "")
    }
  }

  private func failure(_ change: (inout TokenizerJSON) -> Void) throws -> String {
    var file = TokenizerJSON()
    change(&file)
    return try failure(file.text)
  }

  @Test func aMissingFileIsNamed() throws {
    try withTemporaryFolder { folder in
      let error = try #require(throws: TokenizerError.self) { _ = try Tokenizer(folder: folder) }
      #expect(
        error.description == "\(folder.path)/tokenizer.json: cannot be read: there is no such file. "
          + "Give a folder with a tokenizer.json, a SentencePiece model, or the vocabulary files of BERT, GPT-2 or "
          + "RoBERTa.")
    }
  }

  @Test func brokenJSONIsNamedWithItsLine() throws {
    #expect(
      try failure("{\n\"model\": {,}}") == "tokenizer.json:2: not valid JSON: a quoted key was expected. "
        + "Save or download the file again.")
    #expect(try failure("").hasPrefix("tokenizer.json:1: not valid JSON: the text ends too early."))
  }

  @Test func otherJSONIsRefused() throws {
    #expect(
      try failure("{}") == "tokenizer.json: model is missing: this is no tokenizer.json. "
        + "Save the tokenizer again with Hugging Face's tokenizers.")
    #expect(try failure("[]").hasPrefix("tokenizer.json: the file must hold an object, but is a list."))
  }

  @Test func unsupportedPartsAreNamed() throws {
    #expect(
      try failure { $0.normalizer = #"{"type": "ByteLevel"}"# }
        == "tokenizer.json asks for normalizer ByteLevel, which is not supported here; supported: null, "
        + "BertNormalizer, Lowercase, NFC, NFD, NFKC, NFKD, Nmt, Precompiled, Prepend, Replace, Sequence, Strip, "
        + "StripAccents.")
    #expect(
      try failure { $0.preTokenizer = #"{"type": "Sequence", "pretokenizers": [{"type": "UnicodeScripts"}]}"# }
        == "tokenizer.json asks for pre_tokenizer.pretokenizers[0] UnicodeScripts, which is not supported here; "
        + "supported: null, BertPreTokenizer, ByteLevel, CharDelimiterSplit, Digits, Metaspace, Punctuation, Sequence, "
        + "Split, Whitespace, WhitespaceSplit.")
    #expect(
      try failure { $0.decoder = #"{"type": "CTC"}"# }
        == "tokenizer.json asks for decoder CTC, which is not supported here; supported: null, BPEDecoder, "
        + "ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip, WordPiece.")
    #expect(
      try failure { $0.postProcessor = #"{"type": "Other"}"# }
        == "tokenizer.json asks for post_processor Other, which is not supported here; supported: null, "
        + "BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing.")
  }

  @Test func unsupportedOptionsOfPartsAreNamed() throws {
    func split(_ pattern: String, _ behavior: String = "Isolated") -> String {
      #"{"type": "Split", "pattern": \#(pattern), "behavior": "\#(behavior)", "invert": false}"#
    }
    #expect(
      try failure { $0.preTokenizer = split(#"{"Regex": "\\bx"}"#) }
        == #"tokenizer.json asks for pre_tokenizer.pattern.Regex "\bx" with "\b", which is not supported here; "#
        + "supported: alternatives, groups, lookahead, classes, categories and repetitions that match something.")
    let nested = String(repeating: "(?:", count: 65) + "a" + String(repeating: ")", count: 65)
    for (pattern, part) in [
      (nested, "groups nested deeper than 64"), ("(?:(?:ab){300}){300}", "more than 65536 steps"),
    ] {
      #expect(try failure { $0.preTokenizer = split(#"{"Regex": "\#(pattern)"}"#) }.contains(part))
    }
    #expect(
      try failure { $0.preTokenizer = #"{"type": "CharDelimiterSplit", "delimiter": "ab"}"# }
        .hasPrefix("tokenizer.json: pre_tokenizer.delimiter must be one character, but is \"ab\"."))
    #expect(
      try failure { $0.preTokenizer = split(#"{"String": "x"}"#, "Odd") }
        == "tokenizer.json asks for pre_tokenizer.behavior \"Odd\", which is not supported here; supported: Removed, "
        + "Isolated, MergedWithPrevious, MergedWithNext, Contiguous.")
    #expect(
      try failure { $0.preTokenizer = split(#"{"String": ""}"#) }
        .hasPrefix("tokenizer.json: pre_tokenizer.pattern.String must not be empty."))
    #expect(
      try failure { $0.normalizer = #"{"type": "Replace", "pattern": {"Regex": "(a)"}, "content": "$1"}"# }
        == "tokenizer.json asks for normalizer.content \"$1\" for a regular expression, which is not supported here; "
        + "supported: a text without $ and \\.")
    #expect(
      try failure { $0.normalizer = #"{"type": "Precompiled", "precompiled_charsmap": "AAAA"}"# }
        .hasPrefix(
          "tokenizer.json: normalizer.precompiled_charsmap must be a character map of SentencePiece in base64."))
    let metaspace = #"{"type": "Metaspace", "replacement": "_", "prepend_scheme": "first"}"#
    #expect(
      try failure {
        $0.preTokenizer = metaspace
        $0.normalizer = #"{"type": "StripAccents"}"#
      }
        == "tokenizer.json asks for pre_tokenizer Metaspace with prepend_scheme first behind a normalizer that may "
        + "remove the text's beginning, which is not supported here; supported: prepend_scheme always or never there.")
    #expect(
      try failure { $0.preTokenizer = metaspace.replacing("first", with: "odd") }
        == "tokenizer.json asks for pre_tokenizer.prepend_scheme \"odd\", which is not supported here; supported: "
        + "always, first, never.")
    #expect(
      try failure { $0.preTokenizer = metaspace.replacing("\"_\"", with: "\"__\"") }
        .hasPrefix("tokenizer.json: pre_tokenizer.replacement must be one character, but is \"__\"."))
    let byteLevel = TokenizerJSON().preTokenizer
    #expect(
      try failure {
        $0.preTokenizer = #"{"type": "Sequence", "pretokenizers": [\#(byteLevel), {"type": "WhitespaceSplit"}]}"#
      }
        == "tokenizer.json asks for pre_tokenizer.pretokenizers[1] a part after ByteLevel, which is not supported "
        + "here; supported: ByteLevel last.")
  }

  @Test func unsupportedModelOptionsAreNamed() throws {
    #expect(
      try failure { $0.modelOptions = #""type": "WordLevel""# }
        == "tokenizer.json asks for model WordLevel after ByteLevel, which is not supported here; supported: BPE there."
    )
    #expect(
      try failure {
        $0.modelOptions = #""type": "WordLevel""#
        $0.preTokenizer = "null"
      }
        == "tokenizer.json asks for model WordLevel, which is not supported here; supported: BPE, Unigram, WordPiece.")
    #expect(
      try failure { $0.modelOptions = #""type": "BPE", "dropout": 0.1"# }
        == "tokenizer.json asks for model.dropout 0.1, which is not supported here; supported: null or 0.")
    #expect(
      try failure {
        $0.modelOptions = #""type": "BPE", "unk_token": "<unk>""#
        $0.missingBytes = [7]
      }
      .hasPrefix("tokenizer.json: model.unk_token is \"<unk>\", which the vocabulary lacks."))
  }

  @Test func wrongModelsAreNamed() throws {
    func unigram(_ vocabulary: String, unknown: String) -> String {
      #"{"model": {"type": "Unigram", "unk_id": \#(unknown), "vocab": \#(vocabulary)}}"#
    }
    #expect(
      try failure(unigram(#"[["a", 0]]"#, unknown: "null"))
        == "tokenizer.json asks for model.unk_id null, which is not supported here; supported: the id of a token.")
    #expect(
      try failure(unigram(#"[["a", 0]]"#, unknown: "1"))
        .hasPrefix("tokenizer.json: model.unk_id is 1, but there are 1 tokens."))
    #expect(
      try failure(unigram(#"[["a"]]"#, unknown: "0"))
        .hasPrefix("tokenizer.json: model.vocab[0] must be a token and its score, but is a list."))
    #expect(
      try failure(unigram(#"[["a", 0], ["a", 1]]"#, unknown: "0"))
        .hasPrefix("tokenizer.json: model.vocab lists \"a\" twice."))
    let wordPiece = """
      {"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
       "max_input_chars_per_word": 100, "vocab": {"a": 0}}}
      """
    #expect(
      try failure(wordPiece).hasPrefix("tokenizer.json: model.unk_token is \"[UNK]\", which the vocabulary lacks."))
    #expect(
      try failure(wordPiece.replacing(": 100", with: ": -1").replacing("\"a\"", with: "\"[UNK]\""))
        .hasPrefix("tokenizer.json: model.max_input_chars_per_word must be a count, but is -1."))
  }

  @Test func wrongFieldsAreNamed() throws {
    let remedy = "Save the tokenizer again with Hugging Face's tokenizers."
    #expect(
      try failure(#"{"decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}"#)
        == "tokenizer.json: model.vocab gives \"a\" -1 in place of an id in 0..<16777216. \(remedy)")
    #expect(
      try failure(#"{"decoder": {"type": "ByteLevel"}, "model": {"vocab": [], "merges": []}}"#)
        == "tokenizer.json: model.vocab must be an object of token to id, but is a list. \(remedy)")
    #expect(
      try failure { $0.preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": 1}"# }
        == "tokenizer.json: pre_tokenizer.add_prefix_space must be true or false, but is 1. \(remedy)")
    let good = TokenizerJSON(merges: [["a", "b"]]).text
    #expect(
      try failure(good.replacing(#"["a", "b"]"#, with: #"["a", "bb"]"#))
        == "tokenizer.json: model.merges [0] joins \"a\" and \"bb\", but the vocabulary lacks one of them or the "
        + "result. \(remedy)")
    #expect(
      try failure(good.replacing(#"["a", "b"]"#, with: #""a b c""#))
        == "tokenizer.json: model.merges [0] must be two tokens, but is \"a b c\". \(remedy)")
    #expect(
      try failure(good.replacing(#""ab": 256"#, with: #""ab": 98"#)).contains("gives id 98 to two tokens"))
  }

  @Test func addedTokensKeepTheIdsHuggingFaceGives() throws {
    let file = TokenizerJSON(added: [.init(content: "<x>")])
    #expect(
      try failure(file.text.replacing(#""id": 256"#, with: #""id": 300"#))
        == "tokenizer.json: added token \"<x>\" has id 300, but its place in the vocabulary is 256. "
        + "Save the tokenizer again with Hugging Face's tokenizers.")
    let holed = TokenizerJSON(added: [.init(content: "<x>")], missingBytes: [7])
    #expect(
      try failure(holed.text.replacing(#""id": 256"#, with: #""id": 255"#))
        .hasPrefix("tokenizer.json: added_tokens gives \"<x>\" the id 255, which \"ÿ\" has."))
  }

  @Test func templatesNameWhatTheyLack() throws {
    #expect(
      try failure {
        $0.postProcessor =
          #"{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}], "special_tokens": {}}"#
      }
      .hasPrefix("tokenizer.json: post_processor.special_tokens.<s>.ids is missing, but the template uses it."))
    #expect(
      try failure {
        $0.postProcessor = #"{"type": "TemplateProcessing", "single": [{"Sequence": {"id": "C"}}]}"#
      }
      .hasPrefix("tokenizer.json: post_processor.single[0] names sequence \"C\"; A and B exist."))
  }
}
