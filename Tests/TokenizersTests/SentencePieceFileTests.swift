import Testing

@testable import Tokenizers

/// The expected ids are those of the sentencepiece library (0.2).
struct SentencePieceFileTests {
  static let unigram = SentencePieceProto(pieces: [
    ("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -2, 1), ("▁a", -3, 1), ("b", -3, 1), ("ab", -2.5, 1),
    ("▁ab", -5, 1), ("é", -6, 1), ("<sep>", 0, 4), ("bb", 0, 5), ("c", -4, 1),
  ])

  static let bytePairs: SentencePieceProto = {
    var pieces: [(String, Float, Int)] = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3)]
    pieces += (UInt8.min...UInt8.max).map { (ByteTokens.token(of: $0), 0, 6) }
    pieces += [
      ("ab", -1, 1), ("bc", -1, 1), ("▁a", -2, 1), ("\t\t", -3, 1), ("abc", -4, 1), ("▁", -5, 1), ("a", -6, 1),
      ("b", -7, 1), ("c", -8, 1), ("<sep>", 0, 4),
    ]
    return SentencePieceProto(modelType: 2, pieces: pieces, fallsBackToBytes: true, removesExtraSpaces: false)
  }()

  @Test(
    arguments: [
      ("ab", [3, 6]), ("  ab  abb ", [3, 6, 3, 6, 5]), ("é<sep>x<sep>yzc", [3, 8, 9, 0, 9, 0, 11]), ("", []),
      ("   ", []),
      ("a c", [4, 3, 11]),
    ] as [(String, [Int32])])
  func unigramModelsAgreeWithSentencePiece(text: String, ids: [Int32]) throws {
    let tokenizer = try Self.unigram.tokenizer("spiece.model")
    #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
    #expect(tokenizer.encode(text) == ids + [2])
  }

  @Test(
    arguments: [
      ("abc", [264, 263]), ("a  bc", [261, 264, 264, 260]), ("\t\t\tab", [264, 262, 12, 259]),
      ("éa<sep>bc", [264, 198, 172, 265, 268, 260]), ("<0x41>", [264, 63, 51, 123, 55, 52, 65]), ("", []),
    ] as [(String, [Int32])])
  func bytePairModelsAgreeWithSentencePiece(text: String, ids: [Int32]) throws {
    let tokenizer = try Self.bytePairs.tokenizer()
    #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
    #expect(tokenizer.encode(text) == [1] + ids)
    #expect(tokenizer.decode(tokenizer.encode(text)) == text)
  }

  @Test func controlPiecesAreFoundInText() throws {
    let tokenizer = try Self.unigram.tokenizer()
    #expect(tokenizer.encode("ab</s>ab", addSpecialTokens: false) == [3, 6, 2, 3, 6])
    #expect(tokenizer.endOfTextId == 2 && tokenizer.beginOfTextId == 1 && tokenizer.specialTokens.unknown == 0)
    #expect(tokenizer.decode([3, 6, 2]) == "ab")
  }

  @Test func theConfigurationSaysWhatIsAdded() throws {
    let t5 = try Self.unigram.tokenizer(
      beside: ["tokenizer_config.json": #"{"tokenizer_class": "T5Tokenizer", "extra_ids": 2, "pad_token": "<s>"}"#])
    #expect(t5.encode("ab<extra_id_0>c<extra_id_1>") == [3, 6, 13, 3, 11, 12, 2])
    #expect(t5.vocabularySize == 14 && t5.paddingId == 1)

    let decoder = """
      {"add_bos_token": true, "add_eos_token": false, "bos_token": {"content": "<bos>"},
       "added_tokens_decoder": {
        "12": {"content": "<bos>", "lstrip": false, "rstrip": false, "single_word": false, "normalized": false,
               "special": true},
        "2": {"content": "</s>", "lstrip": false, "rstrip": true, "single_word": false, "normalized": false,
              "special": true}}}
      """
    let added = try Self.unigram.tokenizer(beside: ["tokenizer_config.json": decoder])
    #expect(added.encode("ab</s> c") == [12, 3, 6, 2, 3, 11])
    #expect(added.encode("ab", and: "c").ids == [12, 3, 6, 12, 3, 11])
  }

  @Test func theModelSaysWhichPieceBegins() throws {
    var gemma = Self.bytePairs
    gemma.pieces[1].0 = "<bos>"
    gemma.beginPiece = "<bos>"
    let tokenizer = try gemma.tokenizer()
    #expect(tokenizer.encode("abc") == [1, 264, 263])
    #expect(tokenizer.beginOfTextId == 1)
  }

  @Test func tokensWithoutFlagsAreRefused() throws {
    let error = try #require(throws: TokenizerError.self) {
      _ = try Self.unigram.tokenizer(beside: ["added_tokens.json": #"{"<pad>": 12}"#])
    }
    #expect(
      error.description.hasSuffix(
        "/added_tokens.json asks for added tokens without their flags, which is not supported here; supported: "
          + "added_tokens_decoder in tokenizer_config.json, or a tokenizer.json."))
  }

  @Test func tokenizerJSONComesFirst() throws {
    let tokenizer = try Self.unigram.tokenizer(beside: ["tokenizer.json": TokenizerJSON().text])
    #expect(tokenizer.file.lastPathComponent == "tokenizer.json")
    #expect(tokenizer.encode("A") == [65])
  }

  @Test func whatAModelAsksThatIsNotThereIsNamed() throws {
    func failure(_ proto: SentencePieceProto, _ configuration: String? = nil) throws -> String {
      let error = try #require(throws: TokenizerError.self) {
        _ = try proto.tokenizer(beside: configuration.map { ["tokenizer_config.json": $0] } ?? [:])
      }
      return String(error.description.drop { $0 != " " && !error.description.isEmpty }.dropFirst())
    }
    var words = Self.unigram
    words.modelType = 3
    #expect(
      try failure(words)
        == "asks for model_type 3, which is not supported here; supported: 1 (unigram), 2 (byte pairs).")
    var unused = Self.bytePairs
    unused.pieces.append(("x", 0, 5))
    #expect(try failure(unused).hasPrefix("asks for unused pieces in a byte-pair model, which is not supported here;"))
    var twice = Self.unigram
    twice.pieces.append(("b", 0, 1))
    #expect(try failure(twice).hasPrefix("the model lists \"b\" twice."))
    var noUnknown = Self.unigram
    noUnknown.pieces.removeFirst()
    #expect(try failure(noUnknown).hasPrefix("the model must have one unknown piece."))
    var uncovered = Self.bytePairs
    uncovered.fallsBackToBytes = false
    #expect(try failure(uncovered).hasPrefix("the model has \"\t\t\", but no piece for \"\t\", nor byte_fallback."))
    let flags = #""lstrip": false, "rstrip": false, "single_word": false, "normalized": false, "special": true"#
    #expect(
      try failure(Self.unigram, "{\"added_tokens_decoder\": {\"3\": {\"content\": \"b\", \(flags)}}}")
        .hasPrefix("added token \"b\" has id 3, but its place in the vocabulary is 5."))
    #expect(
      try failure(Self.unigram, "{\"added_tokens_decoder\": {\"3\": {\"content\": \"x\", \(flags)}}}")
        .hasPrefix("the model has \"▁\" under the id 3 that tokenizer_config.json gives \"x\"."))
    #expect(
      try failure(Self.unigram, "{\"added_tokens_decoder\": {\"x\": {\"content\": \"x\", \(flags)}}}")
        .contains("added_tokens_decoder.x must stand under a token id, but stands under \"x\"."))
  }

  @Test func damagedMessagesAreRefused() throws {
    let bytes = Self.unigram.bytes
    #expect(throws: ProtobufReader.Fault.self) { _ = try SentencePieceModel([]) }
    for count in [1, 5, 40] {
      #expect(throws: ProtobufReader.Fault.self) { _ = try SentencePieceModel(Array(bytes.prefix(count))) }
    }
    #expect(throws: ProtobufReader.Fault.self) { _ = try SentencePieceModel([0x0B]) }
    #expect(throws: ProtobufReader.Fault.self) { _ = try SentencePieceModel(Array(repeating: 0xFF, count: 12)) }
    #expect(
      TokenizerError.notSentencePiece(file: "m/tokenizer.model").description
        == "m/tokenizer.model: not a SentencePiece model. "
        + "Give a folder with a tokenizer.json, or the model file SentencePiece wrote.")
  }
}
