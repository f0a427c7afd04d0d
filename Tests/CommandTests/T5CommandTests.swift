import Foundation
import TestSupport
import Testing

/// Encoder-decoder models through the commands, against Hugging Face's golden numbers.
struct T5CommandTests {
  @Test(arguments: ["t5", "flan-t5"], [nil, "lora", "ia3", "mode", "c-poly", "poly", "dora"])
  func lossesAndLogitsAgreeWithHuggingFace(family: String, adapter: String?) throws {
    // T5's unscaled scores sharpen rounding: another order of sums may move logits by 3e-5 (Fixture.disagreements).
    try FamilyFolder.with(family) { try $0.expectGoldenScores(adapter, ranks: 2, tolerance: 1e-4) }
  }

  @Test(arguments: ["t5", "flan-t5"], [[], ["--batch-size", "1"]])
  func greedyAnswersAreHuggingFaces(family: String, options: [String]) throws {
    try FamilyFolder.with(family) { folder in
      let (prompts, answers) = try folder.goldenContinuations()
      let lines = prompts.map { "{\"input_ids\": \($0)}" }.joined(separator: "\n")
      _ = try CommandFixture.write(lines, "prompts.jsonl", in: folder.url)
      #expect(try folder.generate("prompts.jsonl", options, ranks: 2).map(\.ids) == answers)
      // Beams have slots of their own and share the keys of their prompt; neither ranks nor batches change them.
      let beams = try folder.generate("prompts.jsonl", ["--num-beams", "3"])
      #expect(try folder.generate("prompts.jsonl", ["--num-beams", "3", "--batch-size", "1"], ranks: 3) == beams)
      let drawn = try folder.generate("prompts.jsonl", ["--do-sample"])
      #expect(try folder.generate("prompts.jsonl", ["--do-sample", "--batch-size", "2"], ranks: 2) == drawn)
    }
  }

  @Test(arguments: ["t5", "flan-t5"]) func textIsItsTokens(family: String) throws {
    try FamilyFolder.with(family, hasTokenizer: true) {
      try $0.expectTextIsItsTokens(source: "translate: is a bird blue?", target: "no, it is green", endId: 1)
    }
  }

  @Test(arguments: [
    "peft_type: FULL", "peft_type: LORA, lora_dropout: 0.1", "peft_type: IA3", "peft_type: C_POLY", "peft_type: MODE",
  ])
  func everyRankCountWritesTheSameBytes(adapter: String) throws {
    try FamilyFolder.with("t5") { try $0.expectSameBytes(adapter) }
  }

  @Test(arguments: [nil, "lora", "c-poly", "poly"]) func threeStepsEndAtTheFixture(adapter: String?) throws {
    // Twice the farthest that another order of sums may move them, 4e-4 (lora): see Fixture.disagreements.
    try FamilyFolder.with("t5") { try $0.expectGoldenSteps(adapter, ranks: 2, tolerance: 1e-3) }
  }
}
