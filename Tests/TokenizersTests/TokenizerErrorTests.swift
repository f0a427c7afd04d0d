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
          + "Give a folder that holds a Hugging Face tokenizer.json, or such a file.")
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
      try failure { $0.normalizer = #"{"type": "NFC"}"# }
        == "tokenizer.json asks for normalizer NFC, which is not supported here; supported: null.")
    #expect(
      try failure { $0.preTokenizer = #"{"type": "Metaspace"}"# }
        == "tokenizer.json asks for pre_tokenizer Metaspace, which is not supported here; supported: ByteLevel.")
    #expect(
      try failure { $0.preTokenizer = "null" }
        == "tokenizer.json asks for pre_tokenizer null, which is not supported here; supported: ByteLevel.")
    #expect(
      try failure { $0.decoder = #"{"type": "WordPiece"}"# }
        == "tokenizer.json asks for decoder WordPiece, which is not supported here; supported: ByteLevel.")
    #expect(
      try failure { $0.postProcessor = #"{"type": "BertProcessing"}"# }
        == "tokenizer.json asks for post_processor BertProcessing, which is not supported here; "
        + "supported: null, ByteLevel, RobertaProcessing, TemplateProcessing.")
  }

  @Test func unsupportedModelOptionsAreNamed() throws {
    #expect(
      try failure { $0.modelOptions = #""type": "WordPiece""# }
        == "tokenizer.json asks for model WordPiece, which is not supported here; supported: BPE.")
    #expect(
      try failure { $0.modelOptions = #""type": "BPE", "dropout": 0.1"# }
        == "tokenizer.json asks for model.dropout 0.1, which is not supported here; supported: null or 0.")
    #expect(
      try failure { $0.modelOptions = #""type": "BPE", "end_of_word_suffix": "</w>""# }
        == "tokenizer.json asks for model.end_of_word_suffix \"</w>\", which is not supported here; "
        + "supported: null or \"\".")
    #expect(
      try failure {
        $0.modelOptions = #""type": "BPE", "unk_token": "!""#
        $0.missingBytes = [7]
      }
        == "tokenizer.json asks for model.unk_token \"!\", which is not supported here; "
        + "supported: null, or a token for every byte.")
    #expect(
      try failure {
        $0.modelOptions = #""type": "BPE", "byte_fallback": true"#
        $0.missingBytes = [7]
      }
        == "tokenizer.json asks for model.byte_fallback true, which is not supported here; "
        + "supported: false, or a token for every byte.")
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
        .hasPrefix("tokenizer.json: added_tokens[0] gives \"<x>\" the id 255, which \"ÿ\" has."))
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
