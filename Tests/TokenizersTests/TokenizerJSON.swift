import Foundation
import TestSupport

@testable import Tokenizers

/// A small tokenizer.json: every byte's token under the byte's own id, then what each merge makes, then added tokens.
struct TokenizerJSON {
  /// An added token and those of its flags that are on.
  struct Added {
    let content: String
    var flags: Set<String> = []
  }

  var merges: [[String]] = []
  var added: [Added] = []
  /// Raw JSON of each part.
  var normalizer = "null"
  var preTokenizer = #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
  var postProcessor = "null"
  var decoder = #"{"type": "ByteLevel"}"#
  /// Members of `model` beside `vocab` and `merges`.
  var modelOptions = #""type": "BPE", "dropout": null, "unk_token": null"#
  /// Bytes that get no token.
  var missingBytes: Set<UInt8> = []
  var mergesAsText = false
  /// Tokens after those of the merges.
  var extraTokens: [String] = []

  var text: String {
    """
    {"version": "1.0", "truncation": null, "padding": null, "added_tokens": [\(addedTokens)],
     "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer), "post_processor": \(postProcessor),
     "decoder": \(decoder), "model": {\(modelOptions), "vocab": {\(vocabulary)}, "merges": [\(mergeList)]}}
    """
  }

  /// The tokenizer that this file describes.
  func tokenizer() throws -> Tokenizer { try Self.tokenizer(of: text) }

  /// The tokenizer of a file with `text`, beside `others` by name.
  static func tokenizer(of text: String, beside others: [String: String] = [:]) throws -> Tokenizer {
    try withTemporaryFolder { folder in
      for (name, content) in others { try Data(content.utf8).write(to: folder.appending(path: name)) }
      try Data(text.utf8).write(to: folder.appending(path: "tokenizer.json"))
      return try Tokenizer(folder: folder)
    }
  }

  private var vocabulary: String {
    var members: [String] = []
    for byte in UInt8.min...UInt8.max where !missingBytes.contains(byte) {
      members.append("\(quoted(String(ByteLevelAlphabet.scalars[Int(byte)]))): \(byte)")
    }
    for (index, merge) in merges.enumerated() { members.append("\(quoted(merge.joined())): \(256 + index)") }
    for (index, token) in extraTokens.enumerated() { members.append("\(quoted(token)): \(256 + merges.count + index)") }
    return members.joined(separator: ", ")
  }

  private var mergeList: String {
    let lines = merges.map { merge in
      mergesAsText
        ? quoted(merge.joined(separator: " ")) : "[\(merge.map(quoted).joined(separator: ", "))]"
    }
    return lines.joined(separator: ", ")
  }

  private var addedTokens: String {
    let tokens = added.enumerated().map { index, token in
      let flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
        .map { ", \"\($0)\": \(token.flags.contains($0))" }
      let id = 256 + merges.count + extraTokens.count + index
      return "{\"id\": \(id), \"content\": \(quoted(token.content))\(flags.joined())}"
    }
    return tokens.joined(separator: ", ")
  }

  private func quoted(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    return "\"\(escaped)\""
  }
}

extension Tokenizer {
  /// The tokens of `text`, as the file spells them.
  func tokens(_ text: String) -> [String] { encode(text).compactMap { token(for: $0) } }
}
