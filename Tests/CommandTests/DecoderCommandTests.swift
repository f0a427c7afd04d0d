import Foundation
import TestSupport
import Testing

/// Models of Llama's kind through the commands, against Hugging Face's golden numbers.
struct DecoderCommandTests {
  @Test(arguments: ["llama", "gemma"], [nil, "lora", "c-poly", "poly", "dora"])
  func lossesAndLogitsAgreeWithHuggingFace(family: String, adapter: String?) throws {
    // Single precision keeps 1e-6 of a row of logits through this depth.
    try FamilyFolder.with(family) { try $0.expectGoldenScores(adapter, ranks: 2, tolerance: 1e-5) }
  }

  @Test(arguments: ["llama", "gemma"], ["lora", "c-poly", "poly", "dora"])
  func threeStepsEndAtTheFixture(family: String, adapter: String) throws {
    // Adam divides a gradient by its own size, so that numbers whose gradient is near rounding move freely.
    try FamilyFolder.with(family) { try $0.expectGoldenSteps(adapter, ranks: 2, tolerance: 1e-4) }
  }

  @Test(arguments: ["llama", "gemma"]) func greedyAnswersAreHuggingFaces(family: String) throws {
    try FamilyFolder.with(family) { folder in
      let (prompts, answers) = try folder.goldenContinuations()
      let lines = prompts.map { "{\"input_ids\": \($0)}" }.joined(separator: "\n")
      _ = try CommandFixture.write(lines, "prompts.jsonl", in: folder.url)
      #expect(try folder.generate("prompts.jsonl", ranks: 2).map(\.ids) == answers)
      #expect(try folder.generate("prompts.jsonl", ["--batch-size", "1"]).map(\.ids) == answers)
      let beams = try folder.generate("prompts.jsonl", ["--num-beams", "3"])
      #expect(try folder.generate("prompts.jsonl", ["--num-beams", "3", "--batch-size", "1"], ranks: 3) == beams)
    }
  }

  @Test(arguments: ["llama", "gemma"]) func textIsItsTokens(family: String) throws {
    try FamilyFolder.with(family, hasTokenizer: true) {
      try $0.expectTextIsItsTokens(source: "Is a bird blue? Café №7:", target: "no, it is green", endId: 2)
    }
  }

  @Test(arguments: ["peft_type: LORA, lora_dropout: 0.1", "peft_type: C_POLY", "peft_type: MODE"])
  func everyRankCountWritesTheSameBytes(adapter: String) throws {
    try FamilyFolder.with("llama") { try $0.expectSameBytes(adapter) }
  }
}
