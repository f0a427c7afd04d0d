import Foundation
import TestSupport
import Testing

struct TokenizeTests {
  private struct Case: Decodable {
    let text: String
    let ids: [Int]
    let ids_with_special: [Int]
    let decoded: String
  }

  private struct Line: Decodable {
    let ids: [Int]
    let decoded: String
  }

  @Test(
    arguments: [
      "byte-fallback-bpe-gemma", "byte-fallback-bpe-llama", "byte-level-bpe-gpt2", "byte-level-bpe-roberta",
      "unigram-t5", "wordpiece-bert",
    ], [true, false])
  func idsAndTextAreHuggingFaces(kind: String, addsSpecialTokens: Bool) throws {
    let tokenizer = try Fixtures.url("tokenizers/\(kind)")
    let data = try Data(contentsOf: tokenizer.appending(path: "cases.json"))
    let cases = try JSONDecoder().decode([Case].self, from: data)
    let input = try cases.map { try CommandFixture.text(of: ["text": $0.text]) }.joined(separator: "\n") + "\n"
    let outcome = try withTemporaryFolder {
      try PolyadProcess.run(
        ["tokenize", "--tokenizer", tokenizer.path] + (addsSpecialTokens ? [] : ["--no-special-tokens"]), in: $0,
        input: input)
    }
    let lines = try CommandFixture.decode(Line.self, lines: outcome.standardOutput)
    try #require(lines.count == cases.count)
    for (line, example) in zip(lines, cases) {
      #expect(line.ids == (addsSpecialTokens ? example.ids_with_special : example.ids))
      #expect(Array(line.decoded.utf8) == Array(example.decoded.utf8))
    }
  }

  @Test func blankLinesArePassedOverAndBadOnesNamed() throws {
    let outcome = try withTemporaryFolder {
      try PolyadProcess.run(
        ["tokenize", "--tokenizer", CommandFixture.model.path], in: $0, input: "\n{\"text\": \"a\"}\n{\"txt\": 1}\n")
    }
    #expect(outcome.exitCode == 3)
    #expect(outcome.standardOutput.split(separator: "\n").count == 1)
    #expect(
      outcome.messages == [
        "polyad: standard input:3 is not the JSON expected here: it is not an object with a text under \"text\". "
          + "Correct or remove it."
      ])
  }

  @Test func rankZeroAloneWorksUnderMpirun() throws {
    let outcome = try withTemporaryFolder {
      try PolyadProcess.run(
        ["tokenize", "--tokenizer", CommandFixture.model.path], ranks: 2, in: $0, input: "{\"text\": \"a\"}\n")
    }
    #expect(outcome.exitCode == 0)
    #expect(outcome.standardOutput.split(separator: "\n").count == 1)
  }
}
