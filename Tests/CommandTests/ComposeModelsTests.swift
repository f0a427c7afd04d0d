import Foundation
import TestSupport
import Testing

/// `polyad compose` of models that were trained whole.
struct ComposeModelsTests {
  private struct Report: Decodable {
    struct Tensor: Decodable {
      let name: String
      let relative_norm: Double?
      let relative_error: Double
    }

    let peft_type: String
    let model: String?
    let tensors: [Tensor]
    let max_relative_error: Double
    let mean_relative_error: Double
    let averaged: [String]
    let output: String
  }

  /// A folder whose model has been trained whole twice: `one` and `two`.
  private func withTrained(_ body: (TrainFolder) throws -> Void) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = "{peft_type: FULL}"
      folder.recipe["num_train_epochs"] = nil
      folder.recipe["max_steps"] = "2"
      for (name, seed) in [("one", 1), ("two", 2)] {
        _ = try folder.trained(ranks: 1, as: name, ["seed=\(seed)"])
      }
      try body(folder)
    }
  }

  private func compose(_ arguments: [String], in folder: TrainFolder) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(["compose"] + arguments, in: folder.url)
  }

  private func report(_ arguments: [String], in folder: TrainFolder) throws -> Report {
    let outcome = try compose(arguments + ["--json"], in: folder)
    #expect(outcome.exitCode == 0 && outcome.standardError.isEmpty, "\(outcome.standardError)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  private func score(_ model: String, in folder: TrainFolder) throws -> String {
    let text = #"{"input_ids": [51, 32, 43, 32, 57], "labels": [51, 32, 43, 32, 57]}"# + "\n"
    let input = try CommandFixture.write(text, "input.jsonl", in: folder.url)
    let outcome = try PolyadProcess.run(["score", "--model", model, "--input", input], in: folder.url)
    #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    return outcome.standardOutput
  }

  private static let pair = ["--adapter", "a=one", "--adapter", "b=two"]

  @Test func aComposedModelScoresAsTheSumOfItsTaskVectors() throws {
    try withTrained { folder in
      let found = try report(["0.7*a + 0.5*b", "--model", "model", "--output", "sum"] + Self.pair, in: folder)
      #expect(found.peft_type == "FULL" && found.model == "model" && found.output == "sum" && found.averaged.isEmpty)
      #expect(found.tensors.count == 29 && found.max_relative_error < 1e-4)
      #expect(found.tensors.allSatisfy { abs(($0.relative_norm ?? 1) - 1) < 1e-4 })
      let models = try ["model", "one", "two"].map { try TensorFile(folder.file("\($0)/model.safetensors")).tensors }
      var expected = models[0]
      for (name, tensor) in models[0] {
        expected[name]!.values = tensor.values.indices.map { index in
          let numbers = models.map { Double($0[name]!.values[index]) }
          return Float(numbers[0] + 0.7 * (numbers[1] - numbers[0]) + 0.5 * (numbers[2] - numbers[0]))
        }
      }
      try FileManager.default.copyItem(at: folder.file("model"), to: folder.file("expected"))
      try TensorFile(tensors: expected).write(to: folder.file("expected/model.safetensors"))
      let sum = try TensorFile(folder.file("sum/model.safetensors")).tensors
      #expect(Set(sum.keys) == Set(expected.keys))
      // Single roundings of numbers below 2, which the order of the sum may move by a unit.
      for (name, tensor) in sum {
        #expect(zip(tensor.values, expected[name]!.values).allSatisfy { abs($0 - $1) < 3e-7 }, "\(name)")
      }
      struct Score: Decodable { let loss_sum: Double }
      let losses = try ["sum", "expected", "model"].map {
        try CommandFixture.decode(Score.self, lines: score($0, in: folder))[0].loss_sum
      }
      #expect(abs(losses[0] - losses[1]) < 1e-5 * losses[1] && abs(losses[0] - losses[2]) > 1e-3 * losses[2])
      #expect(folder.exists("sum/config.json") && folder.exists("sum/tokenizer.json"))
    }
  }

  @Test func expressionsOperatorsAndTexts() throws {
    try withTrained { folder in
      _ = try report(["a - a", "--adapter", "a=one", "--model", "model", "--output", "zero"], in: folder)
      #expect(try score("zero", in: folder) == score("model", in: folder))
      _ = try report(["a", "--adapter", "a=one", "--output", "same"], in: folder)
      #expect(try score("same", in: folder) == score("one", in: folder))
      let built = try compose(
        ["a", "--adapter", "a=one", "--model", "builtin:tiny", "--output", "out"], in: folder)
      #expect(built.exitCode == 4 && built.standardError.contains("the models"))
      let average = try compose(
        ["--operator", "linear", "--weights", "0.5,0.5", "--adapter", "one", "--adapter", "two", "--output", "mean"],
        in: folder)
      let lines = average.standardOutput.split(separator: "\n").map(String.init)
      #expect(average.exitCode == 0 && lines.first == "linear: 0.5 one + 0.5 two")
      #expect(lines[1].hasPrefix("tensors ") && lines[1].hasSuffix("mean error"))
      let rows = lines.map { $0.split(separator: " ").prefix(3).map(String.init) }
      #expect(rows.contains(["transformer.h.*.attn.c_attn.weight", "2", "1"]))
      #expect(lines.dropLast().last?.hasPrefix("The model against the exact weighted sum: norm 1 of its, ") == true)
      #expect(lines.last == "wrote mean")
      let ties = try compose(
        ["a + b", "--operator", "ties", "--density", "0.3", "--model", "model", "--output", "ties"] + Self.pair,
        in: folder)
      #expect(ties.exitCode == 0 && ties.standardOutput.hasPrefix("ties: 1 a + 1 b, from model\n"))
      #expect(ties.standardOutput.contains(": operator ties drops entries. add is exact.\nwrote ties\n"))
    }
  }

  @Test func whatDoesNotFitIsSaidAndNothingIsWritten() throws {
    try withTrained { folder in
      let lora = try folder.train(["output_dir=lora", "adapter={peft_type: LORA, r: 2}", "max_steps=1"])
      #expect(lora.exitCode == 0, "\(lora.standardError)")
      let one = ["--adapter", "a=one"], base = ["--model", "model"]
      let faults: [(exitCode: Int32, text: String, arguments: [String])] = [
        (2, "the weights of the models sum to 0.5, not to 1: give the model", ["0.5*a"] + one),
        (2, "operator cat needs LoRA's factors", ["a", "--operator", "cat"] + one + base),
        (4, "a is a whole model and l an adapter", ["a + l", "--adapter", "l=lora"] + one + base),
        (2, "--model is the base of models", ["l", "--adapter", "l=lora"] + base),
        (
          2, "--peft-compatible: PEFT combines no whole models",
          ["a", "--operator", "linear", "--peft-compatible"] + one + base
        ),
        (2, "--base-model: it names the base of adapters", ["a", "--base-model", "x"] + one + base),
        (2, "--overwrite: only adapters are replaced", ["a", "--overwrite"] + one + base),
        (2, "--search looks among sums of adapters", ["--search", "λ*a", "--recipe", "recipe.yaml"] + one),
        (4, "no model 'nowhere'", ["a", "--model", "nowhere"] + one),
        (4, "there is no folder", ["a + n", "--adapter", "n=nowhere"] + one + base),
      ]
      for fault in faults {
        let outcome = try compose(fault.arguments + ["--output", "out"], in: folder)
        #expect(outcome.exitCode == fault.exitCode)
        #expect(outcome.standardError.hasPrefix("polyad: " + fault.text), "\(outcome.standardError)")
        #expect(outcome.standardOutput.isEmpty && !folder.exists("out"))
      }
      let full = try compose(["a"] + one + ["--output", "two"], in: folder)
      #expect(full.exitCode == 2 && full.standardError.contains("--output two is there already and not empty"))
    }
  }
}
