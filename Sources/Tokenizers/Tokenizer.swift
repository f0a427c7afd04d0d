import Foundation
import Synchronization

/// Text to token ids and back, as a Hugging Face `tokenizer.json`, a SentencePiece model, or a vocabulary of BERT,
/// GPT-2 or RoBERTa defines it.
///
/// The ids are those of Hugging Face's `tokenizers` 0.23, or of SentencePiece. What a file asks for and this package
/// lacks is an error when the file is read. One tokenizer may be used from several threads at once.
public final class Tokenizer: Sendable {
  /// The files that ids depend on, for callers that hash their content; the tokenizer's own first.
  public let files: [URL]
  /// The tokenizer's own file.
  public var file: URL { files[0] }
  /// The ids of tokens with a role.
  public let specialTokens: SpecialTokenIds

  private let vocabulary: Vocabulary
  private let addedTokens: AddedTokens
  private let normalizer: (any Normalizer)?
  private let preTokenizer: (any PreTokenizer)?
  private let model: any SubwordModel
  private let template: SequenceTemplate
  private let decoder: any TokenDecoder
  /// Memory of encoders that are not at work: as many as there were calls at the same time.
  private let idleWorkspaces = Mutex<[EncodingWorkspace]>([])

  /// The files a folder's tokenizer is read from, the first that is there. Beside vocab.json lies merges.txt.
  private static let fileNames = ["tokenizer.json", "spiece.model", "tokenizer.model", "vocab.txt", "vocab.json"]

  /// Every file that a folder's tokenizer may consist of.
  public static let allFileNames = fileNames + ["merges.txt", "tokenizer_config.json", "special_tokens_map.json"]

  /// The file that the tokenizer of `folder` would be read from, nil if there is none.
  public static func file(in folder: URL) -> URL? {
    fileNames.lazy.map { folder.appending(path: $0) }.first { FileManager.default.fileExists(atPath: $0.path) }
  }

  /// The tokenizer of a Hugging Face folder: of its tokenizer.json, or without one of its spiece.model,
  /// tokenizer.model, vocab.txt, or vocab.json and merges.txt.
  ///
  /// - Throws: ``TokenizerError``.
  public convenience init(folder: URL) throws {
    try self.init(file: Self.file(in: folder) ?? folder.appending(path: Self.fileNames[0]))
  }

  /// The tokenizer of a file: a SentencePiece model if its name ends in `.model`, a vocabulary if it is `vocab.txt` or
  /// `vocab.json`, else a tokenizer.json. tokenizer_config.json, special_tokens_map.json and generation_config.json
  /// beside it name the special tokens; without those they are known by their customary names.
  ///
  /// - Throws: ``TokenizerError``.
  public init(file: URL) throws {
    let parts =
      switch (file.lastPathComponent, file.pathExtension) {
      case (_, "model"): try TokenizerParts(sentencePieceFile: file)
      case ("vocab.txt", _), ("vocab.json", _): try TokenizerParts(vocabularyFile: file)
      default: try TokenizerParts(tokenizerFile: file)
      }
    files = parts.files
    specialTokens = try SpecialTokenIds(
      folder: file.deletingLastPathComponent(), vocabulary: parts.vocabulary, addedTokens: parts.addedTokens)
    vocabulary = parts.vocabulary
    addedTokens = AddedTokens(parts.addedTokens, normalizer: parts.normalizer)
    normalizer = parts.normalizer
    preTokenizer = parts.preTokenizer
    model = parts.model
    template = parts.template
    decoder = parts.decoder
  }

  /// The id that ends a text, nil if the tokenizer has none.
  public var endOfTextId: Int32? { specialTokens.endOfText }

  /// The id that begins a text, nil if the tokenizer has none.
  public var beginOfTextId: Int32? { specialTokens.beginOfText }

  /// The id that pads, nil if the tokenizer has none.
  public var paddingId: Int32? { specialTokens.padding }

  /// The number of tokens, added ones included.
  public var vocabularySize: Int { vocabulary.count }

  /// The token of `id` as the file spells it ("Ġthe"), nil if there is no such id.
  public func token(for id: Int32) -> String? { vocabulary.token(for: id) }

  /// The id of `token` as the file spells it, nil if there is no such token.
  public func id(for token: String) -> Int32? { vocabulary.id(for: token) }

  // MARK: - Encoding

  /// The ids of `text`.
  ///
  /// - Parameter addSpecialTokens: Whether the post-processor adds its tokens, such as `<s>` and `</s>`. Special tokens
  ///   that stand in the text itself become their ids either way.
  public func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
    let ids = withWorkspace { self.ids(of: text, in: &$0) }
    return addSpecialTokens ? sequence(ids, addSpecialTokens: true).ids : ids
  }

  /// The ids of two texts in one sequence and their types, as the post-processor joins them.
  ///
  /// - Parameter addSpecialTokens: Whether the post-processor adds its tokens.
  public func encode(_ first: String, and second: String, addSpecialTokens: Bool = true) -> TokenSequence {
    let (firstIds, secondIds) = withWorkspace { (ids(of: first, in: &$0), ids(of: second, in: &$0)) }
    return sequence(firstIds, and: secondIds, addSpecialTokens: addSpecialTokens)
  }

  /// One text's ids, or two texts', encoded without special tokens and perhaps shortened since, as one sequence.
  ///
  /// - Parameter addSpecialTokens: Whether the post-processor adds its tokens.
  public func sequence(
    _ first: [Int32], and second: [Int32]? = nil, addSpecialTokens: Bool = true
  ) -> TokenSequence {
    template.fill(first, second, addSpecialTokens: addSpecialTokens)
  }

  /// The number of tokens that the post-processor adds to one text, or to two.
  public func specialTokenCount(isPair: Bool) -> Int { template.specialTokenCount(isPair: isPair) }

  private func withWorkspace<Result>(_ body: (inout EncodingWorkspace) -> Result) -> Result {
    var workspace = idleWorkspaces.withLock { $0.popLast() } ?? EncodingWorkspace()
    let result = body(&workspace)
    idleWorkspaces.withLock { [workspace] in $0.append(workspace) }
    return result
  }

  private func ids(of text: String, in workspace: inout EncodingWorkspace) -> [Int32] {
    let bytes = text.utf8.span
    var ids: [Int32] = []
    ids.reserveCapacity(bytes.count / 3 + 8)
    for piece in addedTokens.verbatim.pieces(of: 0..<bytes.count, in: bytes) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        var normalized = bytes.array(range)
        if let normalizer { normalized = normalizer.normalized(normalized) }
        append(normalized: normalized, beginsText: range.lowerBound == 0, to: &ids, in: &workspace)
      }
    }
    return ids
  }

  /// Appends the ids of a normalized piece of text, which may yet hold added tokens.
  private func append(
    normalized bytes: [UInt8], beginsText: Bool, to ids: inout [Int32], in workspace: inout EncodingWorkspace
  ) {
    if addedTokens.normalized.isEmpty {
      return append(CutText(bytes, beginsText: beginsText), to: &ids, in: &workspace)
    }
    for piece in addedTokens.normalized.pieces(of: 0..<bytes.count, in: bytes.span) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        let text = CutText(Array(bytes[range]), beginsText: beginsText && range.lowerBound == 0)
        append(text, to: &ids, in: &workspace)
      }
    }
  }

  /// Appends the ids of a normalized piece of text without added tokens.
  private func append(_ text: consuming CutText, to ids: inout [Int32], in workspace: inout EncodingWorkspace) {
    let beginning = model.wordBeginning

    func append(_ word: Range<Int>, _ bytes: Span<UInt8>) {
      guard let beginning else { return self.append(word: word, of: bytes, to: &ids, in: &workspace) }
      var start = word.lowerBound
      while start < word.upperBound {
        let end = Self.endOfPart(of: start..<word.upperBound, in: bytes, beginningWith: beginning)
        self.append(word: start..<end, of: bytes, to: &ids, in: &workspace)
        start = end
      }
    }
    if let preTokenizer { preTokenizer.forEachWord(of: &text, append) } else { text.forEachWord(append) }
  }

  /// The end of the part of a word that the model may be given alone.
  private static func endOfPart(
    of word: Range<Int>, in bytes: Span<UInt8>, beginningWith beginning: [UInt8]
  ) -> Int {
    var index = word.lowerBound
    while bytes.holds(beginning, at: index), index < word.upperBound { index += beginning.count }
    while index < word.upperBound, bytes[index] != beginning[0] || !bytes.holds(beginning, at: index) { index += 1 }
    return index
  }

  @inline(__always)
  private func append(
    word: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout EncodingWorkspace
  ) {
    guard word.count <= WordCache.longestWord else {
      return model.append(word, of: bytes, to: &ids, in: &workspace.model)
    }
    let hash = WordCache.hash(word, of: bytes)
    if workspace.cache.appendKnown(word, of: bytes, hash: hash, to: &ids) { return }
    let start = ids.count
    model.append(word, of: bytes, to: &ids, in: &workspace.model)
    workspace.cache.insert(word, of: bytes, hash: hash, ids: ids[start...])
  }

  // MARK: - Decoding

  /// The text of `ids`. Bytes that are not UTF-8 become U+FFFD, and ids without a token nothing.
  ///
  /// - Parameter skipSpecialTokens: Whether special tokens are left out.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
    let tokens = ids.compactMap { id -> [UInt8]? in
      if skipSpecialTokens, addedTokens.skippedIds.contains(id) { return nil }
      return addedTokens.normalizedTexts[id] ?? vocabulary.token(for: id).map { Array($0.utf8) }
    }
    return String(decoding: decoder.decode(tokens).joined(), as: UTF8.self)
  }
}

/// What one encoder needs to itself.
struct EncodingWorkspace: Sendable {
  var cache = WordCache()
  var model = ModelWorkspace()
}
