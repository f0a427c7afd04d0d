import Checkpoints
import Foundation
import TestSupport
import Testing

/// A folder with a family's small model, and its six examples as tokens: `batch.jsonl`, and `0.jsonl` to `2.jsonl` by
/// task.
struct FamilyFolder {
  let url: URL
  /// The family's golden numbers.
  let fixture: URL
  /// The number of tasks, whose examples take turns.
  static let taskCount = 3

  /// What `score` says of an example.
  struct Score: Decodable {
    let loss_sum: Double
    let label_count: Int
  }

  /// What `generate` says of a prompt.
  struct Answer: Decodable, Equatable {
    let ids: [Int]
    let text: String
  }

  /// Calls `body` with such a folder, which is removed afterwards.
  ///
  /// - Parameter hasTokenizer: Whether the model's folder has one.
  static func with(_ family: String, hasTokenizer: Bool = false, _ body: (FamilyFolder) throws -> Void) throws {
    let fixture = try Fixtures.url("backbones/\(family)")
    try withTemporaryFolder { url in
      let folder = url.resolvingSymlinksInPath(), model = folder.appending(path: "model")
      try FileManager.default.createDirectory(at: model, withIntermediateDirectories: true)
      let tokenizer = hasTokenizer ? ["tokenizer.json", "tokenizer_config.json"] : []
      for name in ["config.json", "generation_config.json", "model.safetensors"] + tokenizer {
        let file = fixture.appending(path: name).resolvingSymlinksInPath()
        guard FileManager.default.fileExists(atPath: file.path) else { continue }
        try FileManager.default.copyItem(at: file, to: model.appending(path: name))
      }
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: fixture.appending(path: "batch.json")))
      let batch = try #require((json as? [String: Any])?["batch"] as? [[String: Any]])
      _ = try CommandFixture.write(batch.map(CommandFixture.text).joined(separator: "\n"), "batch.jsonl", in: folder)
      for task in 0..<taskCount {
        let lines = try batch.filter { $0["task"] as? Int == task }.map(CommandFixture.text)
        _ = try CommandFixture.write(lines.joined(separator: "\n"), "\(task).jsonl", in: folder)
      }
      try body(FamilyFolder(url: folder, fixture: fixture))
    }
  }

  /// Runs the program, which must end well.
  func run(_ arguments: [String], ranks: Int = 1, input: String = "") throws -> PolyadProcess.Outcome {
    let outcome = try PolyadProcess.run(arguments, ranks: ranks, in: url, input: input)
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    return outcome
  }

  func file(_ path: String) -> URL { url.appending(path: path) }

  // MARK: Golden numbers

  /// The folder of an adapter, or of the model.
  func golden(_ adapter: String?) throws -> URL {
    try Fixtures.require(adapter.map { fixture.appending(path: "adapters/\($0)") } ?? fixture)
  }

  /// Compares what `score` says of the batch with the golden numbers.
  ///
  /// - Parameters:
  ///   - adapter: One of the fixture's; nil: none.
  ///   - tolerance: Of logits, relative to an example's largest.
  func expectGoldenScores(_ adapter: String?, ranks: Int = 1, tolerance: Float) throws {
    let outcome = try run(
      ["score", "--model", "model", "--input", "batch.jsonl", "--logits", "logits.safetensors"]
        + (adapter == nil ? [] : ["--adapter", try golden(adapter).path]), ranks: ranks)
    let scores = try CommandFixture.decode(Score.self, lines: outcome.standardOutput)
    let mean = scores.reduce(0) { $0 + $1.loss_sum } / Double(scores.reduce(0) { $0 + $1.label_count })
    let expected = try SafetensorsFile(Fixtures.require(golden(adapter).appending(path: "expected.safetensors")))
    let loss = Double(try expected.array("loss")[0])
    #expect(abs(mean - loss) <= 1e-5 * loss)
    let logits = try SafetensorsFile(file("logits.safetensors"))
    for example in scores.indices {
      let last = try expected.array("logits.\(example)"), found = try logits.array("logits.\(example)")
      let difference = zip(found.suffix(last.count), last).map { abs($0 - $1) }.max() ?? .infinity
      #expect(found.count >= last.count && difference <= tolerance * (last.map(abs).max() ?? 0))
    }
  }

  /// Trains three steps from a golden adapter, or of the whole model, and compares what they end at.
  ///
  /// - Parameter tolerance: Relative to a parameter's norm.
  func expectGoldenSteps(_ adapter: String?, ranks: Int, tolerance: Double) throws {
    _ = try train(
      """
      adapter: {\(adapter == nil ? "peft_type: FULL" : "init_from: \(try golden(adapter).path)")}
      train_batch_size: 6
      max_steps: 3
      lr_scheduler_type: constant
      weight_decay: 0.01
      max_grad_norm: 0
      \(["c-poly", "poly"].contains(adapter) ? "router_noise: false" : "")
      """, as: "run", ranks: ranks)
    let expected = try TensorFile(Fixtures.require(golden(adapter).appending(path: "expected.safetensors"))).tensors
    let found = try TensorFile(weights(of: "run")).tensors
    let names = expected.keys.filter { $0.hasPrefix("after3.") }
    #expect(Fixtures.isWhole ? found.count == names.count : found.count <= 8 * names.count)
    for name in names {
      let got = try #require(found[String(name.dropFirst(7))])
      #expect(TensorFile.distance(got.values[...], expected[name]!.values[...]) < tolerance, "\(name)")
    }
  }

  /// The prompts of the golden continuations as lines, and these.
  func goldenContinuations() throws -> (prompts: [[Int]], answers: [[Int]]) {
    struct Batch: Decodable {
      let generate: [CommandFixture.Generated]
    }
    let batch = try JSONDecoder().decode(Batch.self, from: Data(contentsOf: fixture.appending(path: "batch.json")))
    return (batch.generate.map(\.promptIds), batch.generate.map(\.greedyIds))
  }

  func generate(_ input: String, _ options: [String] = [], ranks: Int = 1) throws -> [Answer] {
    let outcome = try run(
      ["generate", "--model", "model", "--input", input, "--max-new-tokens", "12"] + options, ranks: ranks)
    return try CommandFixture.decode(Answer.self, lines: outcome.standardOutput)
  }

  // MARK: Training

  /// Trains on the three tasks, with `keys` beside what all recipes share.
  ///
  /// - Parameter heads: The tasks' num_labels; empty: none has any.
  func train(_ keys: String, as output: String, ranks: Int, heads: [Int] = []) throws -> PolyadProcess.Outcome {
    let tasks = (0..<Self.taskCount).map { task in
      let head = heads.isEmpty ? "" : ", num_labels: \(heads[task])"
      return "{name: task\(task), format: pretokenized, train: \(task).jsonl\(head)}"
    }
    _ = try CommandFixture.write(
      """
      model_name_or_path: model
      output_dir: \(output)
      tasks: [\(tasks.joined(separator: ", "))]
      max_seq_length: 128
      micro_batches: 3
      learning_rate: 0.01
      logging_steps: 1
      \(keys.contains("train_batch_size") ? "" : "train_batch_size: 4")
      \(keys)
      """, "\(output).yaml", in: url)
    return try run(["train", "\(output).yaml"], ranks: ranks)
  }

  /// A run's adapter, or its model.
  func weights(of output: String) -> URL {
    let adapter = file("\(output)/adapter_model.safetensors")
    return FileManager.default.fileExists(atPath: adapter.path) ? adapter : file("\(output)/model.safetensors")
  }

  /// Expects that one, two and three ranks write the same bytes.
  func expectSameBytes(_ keys: String, heads: [Int] = []) throws {
    let written = try (1...3).map { ranks in
      _ = try train("adapter: {\(keys)}\nmax_steps: 4", as: "run\(ranks)", ranks: ranks, heads: heads)
      return try Data(contentsOf: weights(of: "run\(ranks)"))
    }
    #expect(written[1] == written[0] && written[2] == written[0])
  }

  // MARK: Text

  /// Expects that a text scores as its tokens do, and that its continuation is that of its tokens and decoded.
  func expectTextIsItsTokens(source: String, target: String, endId: Int) throws {
    struct Line: Decodable {
      let ids: [Int]
      let decoded: String
    }
    func tokenize(_ text: String, _ options: [String]) throws -> Line {
      let outcome = try run(
        ["tokenize", "--tokenizer", "model"] + options, input: CommandFixture.text(of: ["text": text]) + "\n")
      return try CommandFixture.decode(Line.self, lines: outcome.standardOutput)[0]
    }
    let prompt = try tokenize(source, []), answer = try tokenize(target, ["--no-special-tokens"])
    #expect(prompt.decoded == source && answer.decoded == target)
    let answerIds = answer.ids + [endId]
    let isPair = try String(contentsOf: file("model/config.json"), encoding: .utf8).contains("d_model")
    let tokens: [String: Any] =
      isPair
      ? ["input_ids": prompt.ids, "labels": answerIds]
      : ["input_ids": prompt.ids + answerIds, "labels": prompt.ids.map { _ in -100 } + answerIds]
    let lines = try [["source": source, "target": target], tokens].map(CommandFixture.text)
    _ = try CommandFixture.write(lines.joined(separator: "\n"), "both.jsonl", in: url)
    let outcome = try run(["score", "--model", "model", "--input", "both.jsonl"])
    let scores = try CommandFixture.decode(Score.self, lines: outcome.standardOutput)
    #expect(scores.map(\.label_count) == [answerIds.count, answerIds.count])
    // Neighbours in a batch may be summed in another order.
    #expect(abs(scores[0].loss_sum - scores[1].loss_sum) <= 1e-6 * scores[1].loss_sum)

    let prompts = try [["source": source], ["input_ids": prompt.ids] as [String: Any]].map(CommandFixture.text)
    _ = try CommandFixture.write(prompts.joined(separator: "\n"), "text.jsonl", in: url)
    for options in [[], ["--num-beams", "2"]] {
      let answers = try generate("text.jsonl", options)
      #expect(answers.count == 2 && answers[0] == answers[1])
      #expect(!answers[0].text.isEmpty || answers[0].ids == [endId])
    }
  }
}
