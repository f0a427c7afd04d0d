import Checkpoints
import Foundation
import TestSupport
import Testing

/// BERT and RoBERTa through the commands, on pre-tokenized lines, against the golden numbers of Hugging Face and PEFT.
struct EncoderCommandTests {
  private struct Score: Decodable {
    let loss_sum: Double
    let label_count: Int
    let prediction: Int
  }

  @Test(arguments: ["bert", "roberta"], [nil, "lora", "dora", "ia3", "poly", "mhr", "mode", "c-poly"])
  func lossesAndLogitsAreTheGoldenNumbers(family: String, adapter: String?) throws {
    try EncoderFolder.with(family) { folder in
      let fixture = try EncoderFolder.fixture(family)
      let source = try adapter.map { try Fixtures.require(fixture.appending(path: "adapters/\($0)")) }
      let outcomes = try (1...2).map { ranks in
        try PolyadProcess.run(
          ["score", "--model", "model", "--input", "batch.jsonl", "--logits", "logits\(ranks).safetensors"]
            + (source.map { ["--adapter", $0.path] } ?? []), ranks: ranks, in: folder.url)
      }
      try #require(outcomes.allSatisfy { $0.exitCode == 0 }, "\(outcomes.map(\.standardError))")
      #expect(outcomes[0].standardOutput == outcomes[1].standardOutput)
      let files = try (1...2).map { try Data(contentsOf: folder.file("logits\($0).safetensors")) }
      #expect(files[0] == files[1])
      let scores = try CommandFixture.decode(Score.self, lines: outcomes[0].standardOutput)
      #expect(scores.count == 6 && scores.allSatisfy { $0.label_count == 1 })
      let expected = try SafetensorsFile(Fixtures.require((source ?? fixture).appending(path: "expected.safetensors")))
      let loss = Double(try expected.array("loss")[0])
      // Single precision keeps six digits through this model's depth.
      #expect(abs(scores.reduce(0) { $0 + $1.loss_sum } / 6 - loss) <= 1e-5 * loss)
      let logits = try SafetensorsFile(folder.file("logits1.safetensors"))
      for (place, score) in scores.enumerated() {
        let found = try logits.array("logits.\(place)"), want = try expected.array("logits.\(place)")
        #expect(found.count == (family == "bert" ? 2 : 3))
        // Two numbers near each other's negative sharpen rounding: see Fixture.disagreements; draws move them by 4e-5.
        #expect(zip(found, want).allSatisfy { abs($0 - $1) <= 1e-4 * (want.map(abs).max() ?? 0) })
        #expect(score.prediction == want.firstIndex(of: want.max()!))
      }
    }
  }

  @Test(arguments: ["bert", "roberta"], ["FULL", "lora", "dora", "ia3", "poly", "mhr", "molora", "c-poly"])
  func threeStepsEndAtTheFixture(family: String, method: String) throws {
    try EncoderFolder.with(family) { folder in
      let isFull = method == "FULL", fixture = try EncoderFolder.fixture(family)
      let source = isFull ? fixture : try Fixtures.require(fixture.appending(path: "adapters/\(method)"))
      folder.recipe["adapter"] = "{\(isFull ? "peft_type: FULL" : "init_from: \(source.path)")}"
      folder.recipe["max_seq_length"] = "128"
      folder.recipe["max_steps"] = "3"
      folder.recipe["train_batch_size"] = "6"
      folder.recipe["max_grad_norm"] = "0"
      if method.contains("poly") || method == "mhr" { folder.recipe["router_noise"] = "false" }
      let run = try folder.train(ranks: method == "lora" ? 3 : 1)
      try #require(run.exitCode == 0, "\(run.standardError)")
      let expected = try TensorFile(Fixtures.require(source.appending(path: "expected.safetensors"))).tensors
      let name = isFull ? "model.safetensors" : "adapter_model.safetensors"
      let found = try TensorFile(folder.file("run/\(name)")).tensors
      let names = expected.keys.filter { $0.hasPrefix("after3.") }
      #expect(Fixtures.isWhole ? found.count == names.count : found.count <= 8 * names.count)
      // The bias of keys has no true gradient: Adam steps by the learning rate from its rounding noise.
      for name in names where !name.hasSuffix("self.key.bias") {
        let got = try #require(found[String(name.dropFirst(7))])
        // Twice the farthest that another order of sums may move it, 8e-5 (poly): see Fixture.disagreements.
        #expect(TensorFile.distance(got.values[...], expected[name]!.values[...]) < 2e-4, "\(name)")
      }
      let losses = folder.lines(of: "run/metrics.jsonl").compactMap { $0["loss"] as? Double }
      #expect(losses.count == 3 && abs(losses[0] - Double(expected["loss"]!.values[0])) < 1e-5 * losses[0])
    }
  }

  @Test(arguments: [
    ("bert", "{peft_type: FULL}"), ("bert", "{peft_type: LORA, lora_dropout: 0.1, target_modules: [query, dense]}"),
    ("bert", "{peft_type: C_POLY, lora_dropout: 0.1}"), ("roberta", "{peft_type: IA3}"),
    ("roberta", "{peft_type: MODE, r: 4}"), ("roberta", "{peft_type: POLY, target_modules: [query, value]}"),
  ])
  func everyRankCountWritesTheSameBytes(family: String, adapter: String) throws {
    try EncoderFolder.with(family) { folder in
      folder.recipe["adapter"] = adapter
      // FULL has one head; elsewhere one task brings its own.
      if !adapter.contains("FULL") { folder.recipe["tasks"] = EncoderFolder.tasks(["", ", num_labels: 4", ""]) }
      let written = try (1...3).map { try folder.trained(ranks: $0, as: "run\($0)", ["max_steps=4"]) }
      #expect(written[1] == written[0] && written[2] == written[0])
    }
  }

  /// A masked language model: labels at single tokens, losses at those alone.
  @Test func maskedTokensAreScoredAndTrainedOn() throws {
    try EncoderFolder.with { folder in
      try EncoderFolder.change(folder) { $0["architectures"] = ["BertForPreTraining"] }
      let url = folder.file("model/model.safetensors")
      var file = try TensorFile(url), random = SmallRandom()
      func tensor(_ shape: [Int], _ start: Float = 0) -> TensorFile.Tensor {
        .init(shape: shape, values: (0..<shape.reduce(1, *)).map { _ in start + 0.2 * random.next() })
      }
      file.tensors["cls.predictions.transform.dense.weight"] = tensor([48, 48])
      file.tensors["cls.predictions.transform.dense.bias"] = tensor([48])
      file.tensors["cls.predictions.transform.LayerNorm.weight"] = tensor([48], 1)
      file.tensors["cls.predictions.transform.LayerNorm.bias"] = tensor([48])
      file.tensors["cls.predictions.bias"] = tensor([712])
      try file.write(to: url)
      let line: [String: Any] = ["input_ids": [2, 4, 50, 3], "labels": [-100, 40, 50, -100]]
      try folder.write([line, line], to: "masked.jsonl")
      let arguments = ["score", "--model", "model", "--input", "masked.jsonl", "--logits", "logits.safetensors"]
      let scored = try PolyadProcess.run(arguments, ranks: 2, in: folder.url)
      try #require(scored.exitCode == 0, "\(scored.standardError)")
      let lines = scored.standardOutput.split(separator: "\n")
      #expect(lines.count == 2 && lines[0] == lines[1] && lines[0].contains(#""label_count": 2"#))
      #expect(!lines[0].contains("prediction"))
      let logits = try TensorFile(folder.file("logits.safetensors")).tensors["logits.0"]
      #expect(logits?.shape == [4, 712])
      let rows = try #require(logits).values
      let loss = [(1, 40), (2, 50)].reduce(0.0) { sum, pair in
        let row = rows[pair.0 * 712..<(pair.0 + 1) * 712].map(Double.init)
        return sum + log(row.reduce(0) { $0 + exp($1) }) - row[pair.1]
      }
      let found = try JSONDecoder().decode([String: Double].self, from: Data(lines[0].utf8))
      #expect(abs(try #require(found["loss_sum"]) - loss) < 1e-4)

      folder.recipe["tasks"] = "[{name: cloze, format: pretokenized, train: masked.jsonl}]"
      (folder.recipe["train_batch_size"], folder.recipe["micro_batches"]) = ("2", "2")
      let written = try (1...2).map { try folder.trained(ranks: $0, as: "run\($0)", ["max_steps=20"]) }
      #expect(written[0] == written[1])
      let losses = folder.lines(of: "run1/metrics.jsonl").compactMap { $0["loss"] as? Double }
      #expect(losses.count == 20 && losses[19] < 0.5 * losses[0])
      let tested = try folder.train(["tasks.0.test=masked.jsonl", "output_dir=tested"])
      #expect(tested.exitCode == 2)
      #expect(
        tested.messages == [
          "polyad: task cloze: its test lines have labels at single tokens, which are no answers that metrics compare; "
            + "remove test, and get their losses from polyad score"
        ])
    }
  }
}
