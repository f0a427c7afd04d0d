import Foundation
import Synchronization

/// Text to token ids and back, as a Hugging Face `tokenizer.json` defines it.
///
/// The ids are those of Hugging Face's `tokenizers` 0.23. What a file asks for and this package lacks is an error when
/// the file is read. One tokenizer may be used from several threads at once.
public final class Tokenizer: Sendable {
  /// The tokenizer.json it came from, for callers that hash its content.
  public let file: URL
  /// The id that ends a text, nil if the tokenizer has none.
  public let endOfTextId: Int32?
  /// The id that begins a text, nil if the tokenizer has none.
  public let beginOfTextId: Int32?
  /// The id that pads, nil if the tokenizer has none.
  public let paddingId: Int32?

  private let vocabulary: Vocabulary
  private let addedTokens: AddedTokens
  private let specialIds: Set<Int32>
  private let preTokenizer: ByteLevelPreTokenizer
  private let model: BytePairModel
  private let template: SequenceTemplate
  /// Memory of encoders that are not at work: as many as there were calls at the same time.
  private let idleWorkspaces = Mutex<[EncodingWorkspace]>([])

  /// The tokenizer of a Hugging Face folder: its tokenizer.json, and if present tokenizer_config.json,
  /// special_tokens_map.json and generation_config.json, which name the special tokens.
  ///
  /// - Throws: ``TokenizerError``.
  public convenience init(folder: URL) throws {
    try self.init(file: folder.appending(path: "tokenizer.json"), folder: folder)
  }

  /// The tokenizer of a tokenizer.json alone; special tokens are known by their customary names.
  ///
  /// - Throws: ``TokenizerError``.
  public convenience init(file: URL) throws {
    try self.init(file: file, folder: nil)
  }

  private init(file: URL, folder: URL?) throws {
    let parts = try TokenizerFile(file)
    let ids = try SpecialTokenIds(folder: folder, vocabulary: parts.vocabulary, addedTokens: parts.addedTokens)
    self.file = file
    endOfTextId = ids.endOfText
    beginOfTextId = ids.beginOfText
    paddingId = ids.padding
    vocabulary = parts.vocabulary
    addedTokens = AddedTokens(parts.addedTokens)
    specialIds = Set(parts.addedTokens.filter(\.isSpecial).map(\.id))
    preTokenizer = parts.preTokenizer
    model = parts.model
    template = parts.template
  }

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
    template.ids(withWorkspace { ids(of: text, in: &$0) }, addSpecialTokens: addSpecialTokens)
  }

  /// The ids of two texts in one sequence, as the post-processor joins them.
  ///
  /// - Parameter addSpecialTokens: Whether the post-processor adds its tokens.
  public func encode(_ first: String, and second: String, addSpecialTokens: Bool = true) -> [Int32] {
    let (firstIds, secondIds) = withWorkspace { (ids(of: first, in: &$0), ids(of: second, in: &$0)) }
    return template.ids(firstIds, secondIds, addSpecialTokens: addSpecialTokens)
  }

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
    for piece in addedTokens.pieces(of: bytes) {
      switch piece {
      case .token(let id): ids.append(id)
      case .text(let range):
        if preTokenizer.addsPrefixSpace, bytes[range.lowerBound] != UInt8(ascii: " ") {
          let prefixed = [UInt8(ascii: " ")] + bytes.array(range)
          append(0..<prefixed.count, of: prefixed.span, to: &ids, in: &workspace)
        } else {
          append(range, of: bytes, to: &ids, in: &workspace)
        }
      }
    }
    return ids
  }

  /// Appends the ids of a piece of text that holds no added token.
  private func append(
    _ piece: Range<Int>, of bytes: Span<UInt8>, to ids: inout [Int32], in workspace: inout EncodingWorkspace
  ) {
    var start = piece.lowerBound
    while start < piece.upperBound {
      let end = preTokenizer.endOfWord(from: start, in: bytes, limit: piece.upperBound)
      let word = start..<end
      start = end
      guard word.count <= WordCache.longestWord else {
        model.append(word, of: bytes, to: &ids, in: &workspace.merging)
        continue
      }
      let hash = WordCache.hash(word, of: bytes)
      if workspace.cache.appendKnown(word, of: bytes, hash: hash, to: &ids) { continue }
      let idStart = ids.count
      model.append(word, of: bytes, to: &ids, in: &workspace.merging)
      workspace.cache.insert(word, of: bytes, hash: hash, ids: ids[idStart...])
    }
  }

  // MARK: - Decoding

  /// The text of `ids`. Bytes that are not UTF-8 become U+FFFD, and ids without a token nothing.
  ///
  /// - Parameter skipSpecialTokens: Whether special tokens are left out.
  public func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
    var bytes: [UInt8] = []
    for id in ids where !(skipSpecialTokens && specialIds.contains(id)) {
      if let token = vocabulary.token(for: id) { ByteLevelAlphabet.append(token, to: &bytes) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// What one encoder needs to itself.
struct EncodingWorkspace: Sendable {
  var cache = WordCache()
  var merging = MergeWorkspace()
}
