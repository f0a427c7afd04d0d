import Foundation
import TestSupport
import Testing
import Tokenizers

/// Against what Hugging Face's tokenizers compute.
struct TokenizerFixtureTests {
  private struct Case: Decodable {
    let text: String
    let ids: [Int32]
    let idsWithSpecial: [Int32]
    let decoded: String

    private enum CodingKeys: String, CodingKey {
      case text, ids, decoded
      case idsWithSpecial = "ids_with_special"
    }
  }

  @Test(arguments: [
    "byte-fallback-bpe-gemma", "byte-fallback-bpe-llama", "byte-level-bpe-gpt2", "byte-level-bpe-roberta", "unigram-t5",
    "wordpiece-bert",
  ])
  func idsAndTextAgreeWithHuggingFace(kind: String) throws {
    let folder = try Fixtures.url("tokenizers/\(kind)")
    let tokenizer = try Tokenizer(folder: folder)
    let data = try Data(contentsOf: folder.appending(path: "cases.json"))
    let cases = try JSONDecoder().decode([Case].self, from: data)
    #expect(!cases.isEmpty)
    for example in cases {
      #expect(tokenizer.encode(example.text, addSpecialTokens: false) == example.ids)
      #expect(tokenizer.encode(example.text) == example.idsWithSpecial)
      #expect(Array(tokenizer.decode(example.idsWithSpecial).utf8) == Array(example.decoded.utf8))
    }
  }

  @Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence))) func gpt2RoundTripsTaskText()
    throws
  {
    let tokenizer = try Tokenizer(folder: SharedFolder.url.appending(path: "tokenizers/gpt2"))
    #expect(tokenizer.vocabularySize == 50257)
    #expect(tokenizer.endOfTextId == 50256)
    #expect(tokenizer.beginOfTextId == 50256)
    #expect(tokenizer.encode("Hello, world!<|endoftext|>") == [15496, 11, 995, 0, 50256])
    let task = "data/super-natural-instructions/train/task181_outcome_extraction.json"
    let text = try String(contentsOf: SharedFolder.url.appending(path: task), encoding: .utf8)
    let ids = tokenizer.encode(text)
    #expect(ids.count < text.utf8.count / 2)
    #expect(tokenizer.decode(ids) == text)
  }

  @Test(arguments: ["bert", "flan-t5", "gemma", "gpt2", "llama", "roberta", "t5"])
  func everyBackboneBringsATokenizer(family: String) throws {
    let tokenizer = try Tokenizer(folder: Fixtures.url("backbones/\(family)"))
    let text = "what is the question, and who asks it?"
    #expect(tokenizer.decode(tokenizer.encode(text)) == text)
  }

  @Test func bertTellsTheTextsOfAPairApart() throws {
    let tokenizer = try Tokenizer(folder: Fixtures.url("tokenizers/wordpiece-bert"))
    let (first, second) = ("the question", "an answer")
    let pair = tokenizer.encode(first, and: second)
    let firstCount = tokenizer.encode(first, addSpecialTokens: false).count
    #expect(pair.types.firstIndex(of: 1) == firstCount + 2)
    #expect(pair.types == pair.types.sorted())
    #expect(tokenizer.decode(pair.ids) == "the question an answer")
    #expect(tokenizer.specialTokens.classification == pair.ids.first)
    #expect(tokenizer.specialTokens.separator == pair.ids.last)
    #expect(tokenizer.specialTokens.mask == 4 && tokenizer.specialTokens.unknown == 1 && tokenizer.paddingId == 0)
  }

  @Test func specialTokensComeFromTheConfiguration() throws {
    let tokenizer = try Tokenizer(folder: Fixtures.url("tokenizers/byte-level-bpe-roberta"))
    #expect(tokenizer.endOfTextId == 2)
    #expect(tokenizer.beginOfTextId == 0)
    #expect(tokenizer.paddingId == 1)
    #expect(tokenizer.token(for: 4) == "<mask>")
    #expect(tokenizer.id(for: "<mask>") == 4)
    #expect(tokenizer.encode("a", and: "b").ids == [0, 69, 2, 2, 70, 2])
  }
}
