import Foundation

extension TokenizerParts {
  /// Reads the SentencePiece model at `url`, beside which a tokenizer_config.json may lie.
  ///
  /// Control pieces are found in text as special tokens, as Hugging Face's tokenizers do. Unigram models end a text
  /// with their end token, as T5's do, and byte-pair models begin it with theirs, as LLaMA's do, unless `add_bos_token`
  /// and `add_eos_token` say otherwise.
  init(sentencePieceFile url: URL) throws {
    let file = SentencePieceFile(url: url, model: try Self.sentencePieceModel(at: url))
    let configuration = try TokenizerConfiguration(beside: url)
    try file.checkOptions()
    let modelVocabulary = try Vocabulary(file.model.pieces.map(\.text)) { token in
      file.problem("lists \"\(token)\" twice")
    }
    let fixedTokens = file.trie(of: .userDefined)
    normalizer = try file.normalizer(fixedTokens: fixedTokens)
    preTokenizer = nil
    model =
      file.isUnigram
      ? file.unigramModel(modelVocabulary) : try file.bytePairModel(modelVocabulary, fixedTokens: fixedTokens)
    (addedTokens, vocabulary) = try file.addTokens(of: configuration, to: modelVocabulary)
    template = try file.template(vocabulary, configuration)
    decoder = file.decoder
    files = [url] + configuration.files
  }

  private static func sentencePieceModel(at url: URL) throws -> SentencePieceModel {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      throw TokenizerError.unreadable(file: url.path, reason: error.localizedDescription)
    }
    do {
      return try SentencePieceModel([UInt8](data))
    } catch {
      throw TokenizerError.notSentencePiece(file: url.path)
    }
  }
}

/// Makes the parts of a tokenizer from a SentencePiece model.
private struct SentencePieceFile {
  let url: URL
  let model: SentencePieceModel

  var isUnigram: Bool { model.modelType == 1 }

  func problem(_ text: String) -> TokenizerError { .badField(file: url.path, path: "the model", problem: text) }

  private func unsupported(_ part: String, _ found: String, supported: String) -> TokenizerError {
    .unsupported(file: url.path, part: part, found: found, supported: supported)
  }

  func checkOptions() throws(TokenizerError) {
    guard (1...2).contains(model.modelType) else {
      throw unsupported("model_type", "\(model.modelType)", supported: "1 (unigram), 2 (byte pairs)")
    }
    guard model.pieces.count(where: { $0.kind == .unknown }) == 1 else {
      throw problem("must have one unknown piece")
    }
    let byteTexts = Set(model.pieces.lazy.filter { $0.kind == .byte }.map(\.text))
    let hasAllBytes = (UInt8.min...UInt8.max).allSatisfy { byteTexts.contains(ByteTokens.token(of: $0)) }
    guard !model.fallsBackToBytes || hasAllBytes else {
      throw problem("asks for byte_fallback, but lacks some of the pieces <0x00> to <0xFF>")
    }
    if !isUnigram, model.pieces.contains(where: { $0.kind == .unused }) {
      throw unsupported("unused pieces", "in a byte-pair model", supported: "them in a unigram model")
    }
  }

  private var unknownId: Int32 { Int32(model.pieces.firstIndex { $0.kind == .unknown }!) }

  /// The pieces of a kind by their text, nil if there are none.
  func trie(of kind: SentencePieceModel.Piece.Kind) -> TokenTrie? {
    let tokens = model.pieces.enumerated().filter { $0.element.kind == kind && !$0.element.text.isEmpty }
    return tokens.isEmpty ? nil : TokenTrie(tokens.map { (Array($0.element.text.utf8), Int32($0.offset)) })
  }

  func normalizer(fixedTokens: TokenTrie?) throws(TokenizerError) -> any Normalizer {
    var map: CharacterMap?
    if !model.characterMap.isEmpty {
      map = CharacterMap(model.characterMap)
      if map == nil { throw problem("has a damaged precompiled_charsmap") }
    }
    return SentencePieceNormalizer(
      map: map, fixedTokens: fixedTokens, addsDummyPrefix: model.addsDummyPrefix,
      marksWordsAtTheirEnd: model.marksWordsAtTheirEnd, removesExtraSpaces: model.removesExtraSpaces,
      escapesSpaces: model.escapesSpaces)
  }

  /// The pieces that text may become.
  private var foundTexts: [String] {
    model.pieces.filter { $0.kind == .normal || $0.kind == .userDefined }.map(\.text)
  }

  // MARK: - Models

  func unigramModel(_ vocabulary: Vocabulary) -> UnigramModel {
    let normal = model.pieces.filter { $0.kind == .normal }.map(\.score)
    // As SentencePiece has it: where all scores are negative, a user-defined piece wins over any other way.
    let highest = normal.reduce(Float.leastNormalMagnitude, max)
    let entries = model.pieces.map { piece in
      let score =
        piece.kind == .userDefined
        ? Double(Float(piece.text.utf8.count) * highest) - 0.1 : Double(piece.score)
      return UnigramModel.Entry(
        token: piece.text, score: score, isFound: piece.kind == .normal || piece.kind == .userDefined)
    }
    return UnigramModel(
      entries, unknownId: unknownId, fallsBackToBytes: model.fallsBackToBytes, vocabulary: vocabulary,
      lowestScore: Double(normal.min() ?? 0), addsInSinglePrecision: true)
  }

  /// Every way to cut a piece in two is a merge; pieces of higher score go first.
  func bytePairModel(_ vocabulary: Vocabulary, fixedTokens: TokenTrie?) throws(TokenizerError) -> BytePairModel {
    let normal = model.pieces.enumerated().filter { $0.element.kind == .normal }
    var ids: [ExactText: Int32] = [:]
    for (id, piece) in normal { ids[ExactText(text: piece.text)] = Int32(id) }
    let substitutes = try addStandIns(to: &ids, vocabulary)
    var scalarIds: [UInt32: Int32] = [:]
    for (text, id) in ids where text.text.unicodeScalars.count == 1 {
      scalarIds[text.text.unicodeScalars.first!.value] = id
    }
    return BytePairModel(
      symbols: SymbolTable(
        vocabulary, scalarIds: scalarIds, unknownId: unknownId, fallsBackToBytes: model.fallsBackToBytes,
        substitutes: substitutes),
      merges: mergeTable(normal.map { (Int32($0.offset), $0.element) }, ids), fixedTokens: fixedTokens,
      wordBeginning: ids[ExactText(text: Metaspace.text)] == nil ? nil : Metaspace.wordBeginning(foundTexts))
  }

  /// Gives scalars that occur in pieces and are none an id beyond the vocabulary, and says what they become.
  private func addStandIns(
    to ids: inout [ExactText: Int32], _ vocabulary: Vocabulary
  ) throws(TokenizerError) -> [[Int32]] {
    let byteIds = ByteTokens.ids(in: vocabulary)
    var substitutes: [[Int32]] = []
    for piece in model.pieces where piece.kind == .normal {
      for scalar in piece.text.unicodeScalars where ids[ExactText(text: String(scalar))] == nil {
        guard model.fallsBackToBytes else {
          throw problem("has \"\(piece.text)\", but no piece for \"\(scalar)\", nor byte_fallback")
        }
        ids[ExactText(text: String(scalar))] = Int32(vocabulary.count + substitutes.count)
        substitutes.append(String(scalar).utf8.map { byteIds[Int($0)] })
      }
    }
    return substitutes
  }

  private func mergeTable(
    _ pieces: [(id: Int32, piece: SentencePieceModel.Piece)], _ ids: [ExactText: Int32]
  ) -> MergeTable {
    var ranks: [Float: Int32] = [:]
    for score in Set(pieces.map(\.piece.score)).sorted(by: >) { ranks[score] = Int32(ranks.count) }
    var merges: [(left: Int32, right: Int32, merge: MergeTable.Merge)] = []
    for (id, piece) in pieces {
      for cut in piece.text.unicodeScalars.indices.dropFirst() {
        guard let left = ids[ExactText(text: String(piece.text.unicodeScalars[..<cut]))],
          let right = ids[ExactText(text: String(piece.text.unicodeScalars[cut...]))]
        else { continue }
        merges.append((left, right, .init(rank: ranks[piece.score]!, id: id)))
      }
    }
    var table = MergeTable(count: merges.count)
    for (left, right, merge) in merges { table.insert(left, right, merge) }
    return table
  }

  // MARK: - Around the model

  /// The control and unknown pieces, and what tokenizer_config.json adds: `added_tokens_decoder`, or for T5 the
  /// `extra_ids` sentinels, counted down.
  func addTokens(
    of configuration: TokenizerConfiguration, to modelVocabulary: Vocabulary
  ) throws -> ([AddedToken], Vocabulary) {
    var vocabulary = modelVocabulary
    var tokens = model.pieces.enumerated().filter { [.control, .unknown].contains($0.element.kind) }
      .map { AddedToken(content: $0.element.text, id: Int32($0.offset), isSpecial: true) }
    for token in try configuration.addedTokens() ?? sentinels(configuration, count: modelVocabulary.count)
    where !token.content.isEmpty {
      if let known = vocabulary.id(for: token.content) {
        guard known == token.id else {
          throw TokenizerError.addedTokenId(
            file: url.path, token: token.content, found: Int(token.id), expected: Int(known))
        }
        tokens.removeAll { $0.id == token.id }
      } else {
        if let other = vocabulary.token(for: token.id) {
          throw problem(
            "has \"\(other)\" under the id \(token.id) that tokenizer_config.json gives \"\(token.content)\"")
        }
        vocabulary.insert(token.content, id: token.id)
      }
      tokens.append(token)
    }
    return (tokens, vocabulary)
  }

  /// T5's sentinels behind the model's `count` pieces, in the order of their ids.
  private func sentinels(_ configuration: TokenizerConfiguration, count: Int) throws -> [AddedToken] {
    guard configuration.root["tokenizer_class"].value.kind.contains("T5Tokenizer") else { return [] }
    let field = configuration.root["extra_ids"]
    let most = field.isNull ? 100 : try field.count()
    guard most <= Vocabulary.idRange.upperBound - count else {
      throw field.problem("is \(most), but ids end at \(Vocabulary.idRange.upperBound)")
    }
    return (0..<most).map { offset in
      AddedToken(content: "<extra_id_\(most - 1 - offset)>", id: Int32(count + offset), isSpecial: true)
    }
  }

  func template(_ vocabulary: Vocabulary, _ configuration: TokenizerConfiguration) throws -> SequenceTemplate {
    func special(_ role: String, customary: String, default fallback: Bool) throws -> [SequenceTemplate.Part] {
      guard try configuration.root["add_\(role)_token"].flag(default: fallback) else { return [] }
      let name = try configuration.tokenName(role) ?? customary
      return vocabulary.id(for: name).map { [.init(.special([$0]))] } ?? []
    }
    let begin = try special("bos", customary: model.beginPiece, default: !isUnigram)
    let end = try special("eos", customary: model.endPiece, default: isUnigram)
    return SequenceTemplate(
      single: begin + [.init(.first)] + end, pair: begin + [.init(.first)] + end + begin + [.init(.second)] + end)
  }

  var decoder: any TokenDecoder {
    var parts: [any TokenDecoder] = [
      ReplaceDecoder(replacement: Replacement(Metaspace.text, with: " ")), ByteFallbackDecoder(), FuseDecoder(),
    ]
    let space = [UInt8(ascii: " ")]
    if model.addsDummyPrefix {
      parts.append(
        StripDecoder(
          content: space, start: model.marksWordsAtTheirEnd ? 0 : 1, stop: model.marksWordsAtTheirEnd ? 1 : 0))
    }
    return DecoderSequence(parts: parts)
  }
}
