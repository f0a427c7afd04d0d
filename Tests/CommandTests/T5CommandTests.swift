import Checkpoints
import Foundation
import TestSupport
import Testing

/// An encoder-decoder model through the commands, on pre-tokenized lines, against Hugging Face's golden numbers.
@Suite(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
struct T5CommandTests {
  private struct Batch: Decodable {
    let generate: [CommandFixture.Generated]
  }

  private struct Score: Decodable {
    let loss_sum: Double
    let label_count: Int
  }

  private struct Answer: Decodable {
    let ids: [Int]
  }

  /// Runs `body` in a folder with the fixture's model, without its tokenizer, and the batch's lines by task.
  private func with(_ family: String, _ body: (URL, _ fixture: URL) throws -> Void) throws {
    let fixture = SharedFolder.fixture("backbones/\(family)")
    try withTemporaryFolder { url in
      let folder = url.resolvingSymlinksInPath()
      try FileManager.default.createDirectory(at: folder.appending(path: "model"), withIntermediateDirectories: true)
      for name in ["config.json", "generation_config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: fixture.appending(path: name), to: folder.appending(path: "model/\(name)"))
      }
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: fixture.appending(path: "batch.json")))
      let batch = try #require((json as? [String: Any])?["batch"] as? [[String: Any]])
      _ = try CommandFixture.write(batch.map(CommandFixture.text).joined(separator: "\n"), "batch.jsonl", in: folder)
      for task in 0..<3 {
        let lines = try batch.filter { $0["task"] as? Int == task }.map(CommandFixture.text)
        _ = try CommandFixture.write(lines.joined(separator: "\n"), "\(task).jsonl", in: folder)
      }
      try body(folder, fixture)
    }
  }

  @Test(arguments: ["t5", "flan-t5"], [nil, "lora", "ia3", "mode", "c-poly"])
  func lossesAndLogitsAgreeWithHuggingFace(family: String, adapter: String?) throws {
    try with(family) { folder, fixture in
      let source = adapter.map { fixture.appending(path: "adapters/\($0)") }
      let outcome = try PolyadProcess.run(
        ["score", "--model", "model", "--input", "batch.jsonl", "--logits", "logits.safetensors"]
          + (source.map { ["--adapter", $0.path] } ?? []), ranks: 2, in: folder)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let scores = try CommandFixture.decode(Score.self, lines: outcome.standardOutput)
      let mean = scores.reduce(0) { $0 + $1.loss_sum } / Double(scores.reduce(0) { $0 + $1.label_count })
      let expected = try SafetensorsFile((source ?? fixture).appending(path: "expected.safetensors"))
      let loss = Double(try expected.array("loss")[0])
      #expect(abs(mean - loss) <= 1e-5 * loss)
      let logits = try SafetensorsFile(folder.appending(path: "logits.safetensors"))
      for example in scores.indices {
        let last = try expected.array("logits.\(example)"), found = try logits.array("logits.\(example)")
        #expect(found.count == 512 * scores[example].label_count)
        let difference = zip(found.suffix(last.count), last).map { abs($0 - $1) }.max() ?? .infinity
        // T5's relu and unscaled scores cost stock single precision 1e-5 of the largest logit.
        #expect(difference <= 5e-5 * (last.map(abs).max() ?? 0))
      }
    }
  }

  @Test(arguments: ["t5", "flan-t5"], [[], ["--batch-size", "1"]])
  func greedyAnswersAreHuggingFaces(family: String, options: [String]) throws {
    try with(family) { folder, fixture in
      let batch = try JSONDecoder().decode(Batch.self, from: Data(contentsOf: fixture.appending(path: "batch.json")))
      let lines = batch.generate.map { "{\"input_ids\": \($0.promptIds)}" }.joined(separator: "\n")
      _ = try CommandFixture.write(lines, "prompts.jsonl", in: folder)
      let length = batch.generate.map(\.greedyIds.count).max()!
      let command = ["generate", "--model", "model", "--input", "prompts.jsonl", "--max-new-tokens", "\(length)"]
      let outcome = try PolyadProcess.run(command + options, ranks: 2, in: folder)
      let answers = try CommandFixture.decode(Answer.self, lines: outcome.standardOutput)
      #expect(answers.map(\.ids) == batch.generate.map(\.greedyIds))
      // Beams have slots of their own and share the keys of their prompt; neither ranks nor batches change them.
      let beams = try PolyadProcess.run(command + ["--num-beams", "3"], in: folder)
      let alone = try PolyadProcess.run(command + ["--num-beams", "3", "--batch-size", "1"], ranks: 3, in: folder)
      #expect(beams.exitCode == 0 && beams.standardOutput == alone.standardOutput)
      let drawn = try PolyadProcess.run(command + ["--do-sample"], in: folder)
      let drawnApart = try PolyadProcess.run(command + ["--do-sample", "--batch-size", "2"], ranks: 2, in: folder)
      #expect(drawn.exitCode == 0 && drawn.standardOutput == drawnApart.standardOutput)
    }
  }

  @Test(arguments: [
    "peft_type: FULL", "peft_type: LORA, lora_dropout: 0.1", "peft_type: IA3", "peft_type: C_POLY", "peft_type: MODE",
  ])
  func everyRankCountWritesTheSameBytes(adapter: String) throws {
    try with("t5") { folder, _ in
      var written: [Data] = []
      for ranks in 1...3 {
        let run = try train("adapter: {\(adapter)}\nmax_steps: 4", "run\(ranks)", ranks: ranks, in: folder)
        #expect(run.exitCode == 0, "\(run.standardError)")
        let name = adapter.contains("FULL") ? "model.safetensors" : "adapter_model.safetensors"
        written.append(try Data(contentsOf: folder.appending(path: "run\(ranks)/\(name)")))
      }
      #expect(written[1] == written[0] && written[2] == written[0])
    }
  }

  @Test(arguments: ["FULL", "lora", "c-poly"]) func threeStepsEndAtTheFixture(method: String) throws {
    try with("t5") { folder, fixture in
      let isFull = method == "FULL"
      let source = isFull ? fixture : fixture.appending(path: "adapters/\(method)")
      let run = try train(
        """
        adapter: {\(isFull ? "peft_type: FULL" : "init_from: \(source.path)")}
        train_batch_size: 6
        max_steps: 3
        lr_scheduler_type: constant
        weight_decay: 0.01
        max_grad_norm: 0
        \(method == "c-poly" ? "router_noise: false" : "")
        """, "run", ranks: 2, in: folder)
      try #require(run.exitCode == 0, "\(run.standardError)")
      let expected = try TensorFile(source.appending(path: "expected.safetensors")).tensors
      let name = isFull ? "model.safetensors" : "adapter_model.safetensors"
      let found = try TensorFile(folder.appending(path: "run/\(name)")).tensors
      let names = expected.keys.filter { $0.hasPrefix("after3.") }
      #expect(found.count == names.count)
      for name in names {
        let got = try #require(found[String(name.dropFirst(7))])
        // Stock single-precision PyTorch is 1e-3 off on T5.
        #expect(TensorFile.distance(got.values[...], expected[name]!.values[...]) < 1e-2, "\(name)")
      }
    }
  }

  private func train(_ keys: String, _ output: String, ranks: Int, in folder: URL) throws -> PolyadProcess.Outcome {
    let tasks = (0..<3).map { "{name: task\($0), format: pretokenized, train: \($0).jsonl}" }.joined(separator: ", ")
    let defaults = keys.contains("train_batch_size") ? "" : "train_batch_size: 4"
    _ = try CommandFixture.write(
      """
      model_name_or_path: model
      output_dir: \(output)
      tasks: [\(tasks)]
      micro_batches: 3
      learning_rate: 0.01
      logging_steps: 1
      \(defaults)
      \(keys)
      """, "\(output).yaml", in: folder)
    return try PolyadProcess.run(["train", "\(output).yaml"], ranks: ranks, in: folder)
  }
}
