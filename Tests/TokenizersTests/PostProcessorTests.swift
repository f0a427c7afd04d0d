import Testing

@testable import Tokenizers

/// The expected ids and types are those of Hugging Face's tokenizers 0.23.
struct PostProcessorTests {
  private static let bert = #"{"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}"#
  private static let roberta = #"{"type": "RobertaProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2]}"#
  private static let template = """
    {"type": "TemplateProcessing",
     "single": [{"SpecialToken": {"id": "<s>", "type_id": 2}}, {"Sequence": {"id": "A", "type_id": 1}}],
     "pair": [{"Sequence": {"id": "B", "type_id": 3}}, {"SpecialToken": {"id": "<s>", "type_id": 0}},
              {"Sequence": {"id": "A", "type_id": 0}}],
     "special_tokens": {"<s>": {"id": "<s>", "ids": [2, 3], "tokens": ["<s>", "x"]}}}
    """
  private static let byteLevel = #"{"type": "ByteLevel", "trim_offsets": true}"#

  static let cases: [(String, TokenSequence, TokenSequence)] = [
    (
      bert, .init(ids: [2, 7, 8, 3], types: [0, 0, 0, 0]),
      .init(ids: [2, 7, 8, 3, 9, 3], types: [0, 0, 0, 0, 1, 1])
    ),
    (
      roberta, .init(ids: [2, 7, 8, 3], types: [0, 0, 0, 0]),
      .init(ids: [2, 7, 8, 3, 3, 9, 3], types: [0, 0, 0, 0, 0, 0, 0])
    ),
    (
      template, .init(ids: [2, 3, 7, 8], types: [2, 2, 1, 1]),
      .init(ids: [9, 2, 3, 7, 8], types: [3, 0, 0, 0, 0])
    ),
    (byteLevel, .init(ids: [7, 8], types: [0, 0]), .init(ids: [7, 8, 9], types: [0, 0, 1])),
    ("null", .init(ids: [7, 8], types: [0, 0]), .init(ids: [7, 8, 9], types: [0, 0, 1])),
    (
      #"{"type": "Sequence", "processors": [\#(byteLevel), \#(bert)]}"#,
      .init(ids: [2, 7, 8, 3], types: [0, 0, 0, 0]), .init(ids: [2, 7, 8, 3, 9, 3], types: [0, 0, 0, 0, 1, 1])
    ),
  ]

  @Test(arguments: cases)
  func tokensAndTypesAgreeWithHuggingFace(json: String, single: TokenSequence, pair: TokenSequence) throws {
    let processor = try readPostProcessor(part(json, at: "post_processor"))
    #expect(processor.fill([7, 8], nil, addSpecialTokens: true) == single)
    #expect(processor.fill([7, 8], [9], addSpecialTokens: true) == pair)
    #expect(processor.specialTokenCount(isPair: false) == single.ids.count - 2)
    #expect(processor.specialTokenCount(isPair: true) == pair.ids.count - 3)
  }

  @Test func withoutSpecialTokensTheTypesStay() throws {
    let bert = try readPostProcessor(part(Self.bert, at: "post_processor"))
    #expect(bert.fill([7, 8], [9], addSpecialTokens: false) == .init(ids: [7, 8, 9], types: [0, 0, 1]))
    let template = try readPostProcessor(part(Self.template, at: "post_processor"))
    #expect(template.fill([7], nil, addSpecialTokens: false) == .init(ids: [7], types: [1]))
  }

  @Test func twoProcessorsThatAddTokensAreRefused() throws {
    let json = #"{"type": "Sequence", "processors": [\#(Self.bert), \#(Self.roberta)]}"#
    let error = try #require(throws: TokenizerError.self) {
      _ = try readPostProcessor(part(json, at: "post_processor"))
    }
    #expect(
      error.description == "tokenizer.json asks for post_processor two processors that add tokens, which is not "
        + "supported here; supported: one of them in a Sequence.")
  }
}
