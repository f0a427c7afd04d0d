import Foundation
import Testing

@testable import Tokenizers

struct TokenizerTests {
  private static let marked = TokenizerJSON(added: [
    .init(content: "<s>", flags: ["special"]), .init(content: "</s>", flags: ["special"]), .init(content: "<x>"),
  ])

  @Test func decodingSkipsSpecialTokensAndUnknownIds() throws {
    let tokenizer = try Self.marked.tokenizer()
    let ids: [Int32] = [256, 97, 258, 98, 257, 999, -1]
    #expect(tokenizer.decode(ids) == "a<x>b")
    #expect(tokenizer.decode(ids, skipSpecialTokens: false) == "<s>a<x>b</s>")
  }

  @Test func brokenUTF8BecomesReplacementCharacters() throws {
    let tokenizer = try Self.marked.tokenizer()
    #expect(tokenizer.decode([0xF0, 0x9F, 97]) == "\u{FFFD}a")
    #expect(tokenizer.decode([0xE0, 0x80, 97]) == "\u{FFFD}\u{FFFD}a")
    #expect(tokenizer.decode([0xED, 0xA0, 0x80]) == "\u{FFFD}\u{FFFD}\u{FFFD}")
    #expect(tokenizer.decode([97, 0xC3]) == "a\u{FFFD}")
  }

  @Test func tokensOutsideTheAlphabetDecodeToThemselves() throws {
    let tokenizer = try TokenizerJSON(added: [.init(content: "日本")]).tokenizer()
    #expect(tokenizer.decode([97, 256]) == "a日本")
  }

  @Test func robertaProcessingSurroundsTexts() throws {
    var file = Self.marked
    file.postProcessor = #"{"type": "RobertaProcessing", "sep": ["</s>", 257], "cls": ["<s>", 256]}"#
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.encode("a") == [256, 97, 257])
    #expect(tokenizer.encode("") == [256, 257])
    #expect(tokenizer.encode("a", addSpecialTokens: false) == [97])
    #expect(tokenizer.encode("a", and: "b").ids == [256, 97, 257, 257, 98, 257])
    #expect(tokenizer.encode("a", and: "b", addSpecialTokens: false).ids == [97, 98])
  }

  @Test func templateProcessingFillsItsTemplate() throws {
    var file = Self.marked
    file.postProcessor = """
      {"type": "TemplateProcessing",
       "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<s>", "type_id": 0}},
                {"Sequence": {"id": "B", "type_id": 1}}],
       "special_tokens": {"<s>": {"id": "<s>", "ids": [256, 7], "tokens": ["<s>", "x"]}}}
      """
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.encode("a") == [256, 7, 97])
    #expect(tokenizer.encode("a", and: "b").ids == [97, 256, 7, 98])
    #expect(tokenizer.encode("a", and: "b", addSpecialTokens: false).ids == [97, 98])
  }

  @Test func specialIdsComeFromTheFilesInOrder() throws {
    let text = Self.marked.text
    let custom = try TokenizerJSON.tokenizer(of: text)
    #expect(custom.endOfTextId == 257 && custom.beginOfTextId == 256 && custom.paddingId == nil)

    let generation = #"{"eos_token_id": [98, 99], "bos_token_id": 97}"#
    let fromGeneration = try TokenizerJSON.tokenizer(of: text, beside: ["generation_config.json": generation])
    #expect(fromGeneration.endOfTextId == 98 && fromGeneration.beginOfTextId == 97)

    let fromNames = try TokenizerJSON.tokenizer(
      of: text,
      beside: [
        "tokenizer_config.json": #"{"eos_token": {"content": "<x>"}, "bos_token": null, "pad_token": "no such token"}"#,
        "special_tokens_map.json": #"{"eos_token": "a", "bos_token": "b", "pad_token": "c"}"#,
        "generation_config.json": generation,
      ])
    #expect(fromNames.endOfTextId == 258 && fromNames.beginOfTextId == 98 && fromNames.paddingId == 99)
  }

  @Test func severalThreadsMayEncodeAtOnce() async throws {
    let tokenizer = try TokenizerJSON(merges: [["a", "b"], ["Ġ", "ab"]]).tokenizer()
    let text = (0..<500).map { "ab abab a\($0 % 50)" }.joined(separator: " ")
    let expected = tokenizer.encode(text)
    await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<8 { group.addTask { tokenizer.encode(text) == expected } }
      for await agrees in group { #expect(agrees) }
    }
  }
}
