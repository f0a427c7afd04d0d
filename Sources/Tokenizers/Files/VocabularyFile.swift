import Foundation
import JSON

extension TokenizerParts {
  /// Reads a vocabulary from before there was tokenizer.json: BERT's vocab.txt, or the vocab.json of GPT-2 and RoBERTa
  /// with the merges.txt beside it. The tokenizer is the one that Hugging Face's transformers put together from them
  /// and tokenizer_config.json.
  init(vocabularyFile url: URL) throws {
    let file = try VocabularyFile(url)
    let root = JSONField(file: url.path, path: "", value: try file.root())
    try self.init(root, addedTokens: file.addedTokens(), files: file.files)
  }
}

/// A vocabulary file, and what is known of its tokenizer.
private struct VocabularyFile {
  /// Whose tokenizer it is.
  enum Family: String, CaseIterable {
    case bert = "Bert"
    case gpt2 = "GPT2"
    case roberta = "Roberta"

    var fileName: String { self == .bert ? "vocab.txt" : "vocab.json" }

    /// The special tokens that a tokenizer has where its configuration names no others, by role.
    var customaryTokens: KeyValuePairs<String, String> {
      switch self {
      case .bert: ["unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"]
      case .gpt2: ["bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"]
      case .roberta:
        [
          "bos": "<s>", "eos": "</s>", "unk": "<unk>", "sep": "</s>", "pad": "<pad>", "cls": "<s>", "mask": "<mask>",
        ]
      }
    }
  }

  private let url: URL
  private let configuration: TokenizerConfiguration
  private let family: Family
  private let vocabulary: JSONValue

  init(_ url: URL) throws {
    self.url = url
    configuration = try TokenizerConfiguration(beside: url)
    family = try Self.family(of: url, configuration)
    vocabulary =
      family == .bert
      ? .object(try Self.lines(of: url).enumerated().map { .init($1, .int($0)) })
      : try JSONField(file: url).value
  }

  /// The family that tokenizer_config.json names, or without that config.json.
  private static func family(of url: URL, _ configuration: TokenizerConfiguration) throws -> Family {
    var field = configuration.root["tokenizer_class"]
    if field.isNull, let model = try SpecialTokenIds.file("config.json", in: url.deletingLastPathComponent()) {
      field = model["model_type"]
    }
    let name = try field.text(default: "").lowercased()
    let candidates = Family.allCases.filter { $0.fileName == url.lastPathComponent }
    for family in candidates {
      let stem = family.rawValue.lowercased()
      if [stem, stem + "tokenizer", stem + "tokenizerfast"].contains(name) { return family }
    }
    let classes = candidates.map { "\($0.rawValue)Tokenizer" }.joined(separator: ", ")
    throw field.unsupported(
      "\(field.value.kind) for \(url.lastPathComponent)", supported: "\(classes), or any with a tokenizer.json")
  }

  private static func lines(of url: URL) throws(TokenizerError) -> [String] {
    guard let data = try? Data(contentsOf: url) else {
      throw .unreadable(file: url.path, reason: "there is no such file")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .unreadable(file: url.path, reason: "it is not UTF-8")
    }
    var lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines.map { line in
      String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }
  }

  private var mergesFile: URL { url.deletingLastPathComponent().appending(path: "merges.txt") }

  /// The files that ids depend on.
  var files: [URL] { [url] + (family == .bert ? [] : [mergesFile]) + configuration.files }

  // MARK: - The tokenizer.json that stands for the files

  func root() throws -> JSONValue { family == .bert ? try wordPieceRoot() : try bytePairRoot() }

  private func wordPieceRoot() throws -> JSONValue {
    [
      "normalizer": [
        "type": "BertNormalizer", "clean_text": true,
        "handle_chinese_chars": option("tokenize_chinese_chars", default: true),
        "strip_accents": option("strip_accents", default: .null), "lowercase": option("do_lower_case", default: true),
      ],
      "pre_tokenizer": ["type": "BertPreTokenizer"],
      "post_processor": ["type": "BertProcessing", "cls": try tokenAndId("cls"), "sep": try tokenAndId("sep")],
      "decoder": ["type": "WordPiece", "prefix": "##", "cleanup": true],
      "model": [
        "type": "WordPiece", "unk_token": .string(try tokenName("unk")), "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": vocabulary,
      ],
    ]
  }

  private func bytePairRoot() throws -> JSONValue {
    let addsBegin = configuration.root["add_bos_token"]
    if try addsBegin.flag(default: false) { throw addsBegin.unsupported("true", supported: "false") }
    let merges = try Self.lines(of: mergesFile).filter { !$0.isEmpty }
    return [
      "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": option("add_prefix_space", default: false)],
      "post_processor": family == .roberta
        ? ["type": "RobertaProcessing", "cls": try tokenAndId("cls"), "sep": try tokenAndId("sep")] : .null,
      "decoder": ["type": "ByteLevel"],
      "model": ["type": "BPE", "vocab": vocabulary, "merges": .array(merges.map { .string($0) })],
    ]
  }

  /// An option of tokenizer_config.json.
  private func option(_ key: String, default fallback: JSONValue) -> JSONValue {
    let value = configuration.root[key].value
    return value == .null ? fallback : value
  }

  // MARK: - Special tokens

  /// The tokens that are looked for in text: those that tokenizer_config.json lists, else those with a role.
  func addedTokens() throws -> [AddedToken] {
    if let listed = try configuration.addedTokens() { return listed }
    var tokens: [Int32: AddedToken] = [:]
    for (role, _) in family.customaryTokens {
      let name = try tokenName(role)
      guard let id = id(of: name) else { continue }
      let field = configuration.root["\(role)_token"]
      // Of roles that share a token, one with flags counts.
      if case .object = field.value {
        tokens[id] = try AddedToken(special: field, id: id)
      } else if tokens[id] == nil {
        tokens[id] = AddedToken(content: name, id: id, isSpecial: true)
      }
    }
    return tokens.values.sorted { $0.id < $1.id }
  }

  private func tokenName(_ role: String) throws -> String {
    try configuration.tokenName(role) ?? family.customaryTokens.first { $0.key == role }!.value
  }

  private func id(of token: String) -> Int32? {
    guard case .object(let members) = vocabulary,
      let member = members.last(where: { ExactText(text: $0.name) == ExactText(text: token) }),
      case .int(let id) = member.value
    else { return nil }
    return Int32(exactly: id)
  }

  /// The token with a role and its id, as post-processors have them.
  private func tokenAndId(_ role: String) throws -> JSONValue {
    let name = try tokenName(role)
    guard let id = id(of: name) else {
      throw TokenizerError.badField(
        file: url.path, path: "the vocabulary", problem: "lacks \"\(name)\", the \(role)_token")
    }
    return [.string(name), .int(Int(id))]
  }
}
