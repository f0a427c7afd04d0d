import Foundation
import TestSupport
import Testing

/// Texts, pairs of texts and numbers, classified by the model's own head and by heads of single tasks.
struct ClassificationTests {
  private struct Prediction: Decodable {
    let task, prediction: String
    let references: [String]
    let loss_sum: Double
    let label_count: Int
  }

  private struct Report: Decodable {
    let tasks: [String: [String: Double]]
  }

  /// A line of score's answers; a class has a name, a number stands for itself.
  private struct Score: Decodable {
    enum Answer: Decodable, Equatable {
      case name(String), number(Double)

      init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        self = try (try? value.decode(String.self)).map(Answer.name) ?? .number(value.decode(Double.self))
      }
    }

    let loss_sum: Double
    let label_count: Int
    let prediction: Answer
  }

  /// A task for the model's own head of two classes, one of pairs with three, and one of numbers.
  private static let tasks = """
    [{name: tone, format: jsonl, train: tone.jsonl, test: tone.jsonl, source: "{text}", target: "{answer}",
      labels: [bad, good]},
     {name: pair, format: jsonl, train: pair.jsonl, test: pair.jsonl, source: "{first}", source_pair: "{second}",
      target: "{answer}", labels: ["no", maybe, "yes"], num_labels: 3, metrics: [accuracy, f1]},
     {name: likeness, format: jsonl, train: likeness.jsonl, test: likeness.jsonl, source: "{first}",
      source_pair: "{second}", target: "{score}", num_labels: 1, metrics: [pearson, spearman]}]
    """

  private static let words = ["river", "stone", "a cold wind", "the long winter", "bread"]

  /// A folder with the three tasks: 10, 9 and 8 examples.
  private func with(_ body: (inout TrainFolder) throws -> Void) throws {
    try EncoderFolder.with { folder in
      let words = Self.words, answers = ["no", "maybe", "yes"]
      let tones = (0..<10).map { number -> [String: Any] in
        let tone = number < 5 ? "bad" : "good"
        return ["text": "\(words[number % 5]) was \(tone)", "answer": tone]
      }
      try folder.write(tones, to: "tone.jsonl")
      let pairs = (0..<9).map { number -> [String: Any] in
        ["first": words[number % 5], "second": words[number * 2 % 5], "answer": answers[number % 3]]
      }
      try folder.write(pairs, to: "pair.jsonl")
      let likenesses = (0..<8).map { number -> [String: Any] in
        ["first": words[number % 5], "second": words[number / 2], "score": Double(number) * 0.5 - 1]
      }
      try folder.write(likenesses, to: "likeness.jsonl")
      folder.recipe["tasks"] = Self.tasks
      folder.recipe["adapter"] = "{peft_type: C_POLY, r: 2}"
      folder.recipe["train_batch_size"] = "6"
      folder.recipe["max_steps"] = "12"
      try body(&folder)
    }
  }

  private func predictions(_ folder: TrainFolder, _ path: String) throws -> [Prediction] {
    try CommandFixture.decode(
      Prediction.self, lines: String(contentsOf: folder.file(path), encoding: .utf8))
  }

  @Test(arguments: ["{peft_type: C_POLY, r: 2}", "{peft_type: LORA, r: 2, lora_dropout: 0.1}"])
  func everyRankCountAndAResumedRunWriteTheSameBytes(adapter: String) throws {
    try with { folder in
      folder.recipe["adapter"] = adapter
      let alone = try folder.trained(ranks: 1, as: "alone")
      for ranks in [2, 3] { #expect(try folder.trained(ranks: ranks, as: "run\(ranks)") == alone) }
      _ = try folder.trained(ranks: 2, as: "run", ["max_steps=5"])
      let resumed = try folder.train(ranks: 3, options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == alone)
      #expect(folder.steps() == Array(1...12))
      let predictions = try ["alone", "run2", "run3", "run"].map {
        try String(contentsOf: folder.file("\($0)/predictions.jsonl"), encoding: .utf8)
      }
      #expect(Set(predictions).count == 1)
    }
  }

  @Test func theAdapterFolderHasTheHeads() throws {
    try with { folder in
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=1"])
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.file("run/adapter_config.json")))
      let configuration = try #require(json as? [String: Any])
      #expect(configuration["modules_to_save"] as? [String] == ["classifier"])
      #expect(configuration["task_type"] as? String == "SEQ_CLS")
      let heads = try #require(configuration["task_heads"] as? [[String: Any]])
      #expect(heads.map { $0["task"] as? String } == ["pair", "likeness"])
      #expect(heads.map { $0["num_labels"] as? Int } == [3, 1])
      #expect(heads.map { $0["labels"] as? [String] } == [["no", "maybe", "yes"], nil])
      let tensors = try TensorFile(folder.file("run/adapter_model.safetensors")).tensors
      let shapes = tensors.filter { $0.key.contains("classifier") }.mapValues(\.shape)
      let path = "base_model.model.classifier."
      #expect(
        shapes == [
          path + "weight": [2, 48], path + "bias": [2], path + "pair.weight": [3, 48], path + "pair.bias": [3],
          path + "likeness.weight": [1, 48], path + "likeness.bias": [1],
        ])
    }
  }

  @Test func testSetsAreScoredAsTheirPredictionsSay() throws {
    try with { folder in
      _ = try folder.trained(ranks: 2, as: "run")
      let predictions = try predictions(folder, "run/predictions.jsonl")
      let counts = ["tone", "pair", "likeness"].map { name in predictions.count { $0.task == name } }
      #expect(counts == [10, 9, 8])
      #expect(predictions.allSatisfy { $0.label_count == 1 })
      let outcome = try PolyadProcess.run(["evaluate", "recipe.yaml", "--adapter", "run", "--json"], in: folder.url)
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let report = try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
      for name in ["tone", "pair"] {
        let own = predictions.filter { $0.task == name }
        let hits = own.count { [$0.prediction] == $0.references }
        let accuracy = try #require(report.tasks[name]?["accuracy"])
        #expect(abs(accuracy - 100 * Double(hits) / Double(own.count)) < 1e-9)
        #expect(Set(own.map(\.prediction)).isSubset(of: name == "tone" ? ["bad", "good"] : ["no", "maybe", "yes"]))
        let loss = try #require(report.tasks[name]?["loss"])
        #expect(abs(loss - own.reduce(0) { $0 + $1.loss_sum } / Double(own.count)) < 1e-6)
      }
      #expect(Set(report.tasks["tone"]!.keys) == ["exact_match", "accuracy", "loss"])
      #expect(Set(report.tasks["pair"]!.keys) == ["accuracy", "f1", "loss"])
      #expect(Set(report.tasks["likeness"]!.keys) == ["pearson", "spearman", "loss"])
      let numbers = try predictions.filter { $0.task == "likeness" }.map {
        (found: try #require(Double($0.prediction)), true: try #require(Double($0.references[0])), loss: $0.loss_sum)
      }
      #expect(numbers.allSatisfy { abs(pow($0.found - $0.true, 2) - $0.loss) < 1e-5 })
      let pearson = try #require(report.tasks["likeness"]?["pearson"])
      #expect(abs(pearson - 100 * correlation(numbers.map(\.found), numbers.map(\.true))) < 1e-4)
    }
  }

  private func correlation(_ x: [Double], _ y: [Double]) -> Double {
    let (mx, my) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
    func sum(_ part: (Double, Double) -> Double) -> Double { zip(x, y).reduce(0) { $0 + part($1.0 - mx, $1.1 - my) } }
    return sum { $0 * $1 } / (sum { a, _ in a * a } * sum { _, b in b * b }).squareRoot()
  }

  /// Neither reading a folder nor folding a task needs the model.
  @Test func foldersWithHeadsAreInspectedAndExported() throws {
    try with { folder in
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=1"])
      let inspected = try PolyadProcess.run(["inspect", "run", "--json"], in: folder.url)
      #expect(inspected.exitCode == 0 && !inspected.standardOutput.contains("no place"), "\(inspected.standardOutput)")
      for (task, outputs) in [("tone", 2), ("pair", 3), ("likeness", 1)] {
        let exported = try PolyadProcess.run(
          ["export", "--adapter", "run", "--task", task, "--output", task], in: folder.url)
        #expect(exported.exitCode == 0, "\(exported.standardError)")
        let tensors = try TensorFile(folder.file("\(task)/adapter_model.safetensors")).tensors
        let heads = tensors.filter { $0.key.contains("classifier") }.mapValues(\.shape)
        let path = "base_model.model.classifier."
        #expect(heads == [path + "weight": [outputs, 48], path + "bias": [outputs]])
      }
    }
  }

  /// The task's name, on the command line or in each line, chooses route and head.
  @Test func scoreAnswersAsTheRunDid() throws {
    try with { folder in
      _ = try folder.trained(ranks: 1, as: "run")
      let predictions = try predictions(folder, "run/predictions.jsonl")
      func score(_ file: String, _ options: [String], ranks: Int = 1) throws -> [Score] {
        let outcome = try PolyadProcess.run(
          ["score", "--model", "model", "--adapter", "run", "--input", file] + options, ranks: ranks, in: folder.url)
        try #require(outcome.exitCode == 0, "\(outcome.standardError)")
        return try CommandFixture.decode(Score.self, lines: outcome.standardOutput)
      }
      func expectSame(_ scores: [Score], _ task: String) {
        let own = predictions.filter { $0.task == task }
        #expect(scores.count == own.count)
        for (score, run) in zip(scores, own) {
          #expect(abs(score.loss_sum - run.loss_sum) < 1e-5 && score.label_count == 1)
          switch score.prediction {
          case .name(let name): #expect(name == run.prediction && task == "pair")
          case .number(let number) where task == "tone": #expect(["bad", "good"][Int(number)] == run.prediction)
          case .number(let number): #expect(abs(number - Double(run.prediction)!) < 1e-5)
          }
        }
      }
      let pairs = folder.lines(of: "pair.jsonl").map {
        ["source": $0["first"]!, "source_pair": $0["second"]!, "target": $0["answer"]!]
      }
      try folder.write(pairs, to: "lines.jsonl")
      expectSame(try score("lines.jsonl", ["--task", "pair"]), "pair")
      expectSame(try score("lines.jsonl", ["--task", "1"], ranks: 2), "pair")
      try folder.write(pairs.map { $0.merging(["task": "pair"]) { $1 } }, to: "named.jsonl")
      expectSame(try score("named.jsonl", []), "pair")
      let numbers = folder.lines(of: "likeness.jsonl").map {
        ["source": $0["first"]!, "source_pair": $0["second"]!, "label": $0["score"]!]
      }
      try folder.write(numbers, to: "numbers.jsonl")
      expectSame(try score("numbers.jsonl", ["--task", "likeness"]), "likeness")
      let tones = folder.lines(of: "tone.jsonl").map { line -> [String: Any] in
        ["source": line["text"]!, "label": line["answer"] as? String == "bad" ? 0 : 1]
      }
      try folder.write(tones, to: "tones.jsonl")
      expectSame(try score("tones.jsonl", ["--task", "tone"]), "tone")

      try folder.write([pairs[0].merging(["target": "perhaps"]) { $1 }], to: "lines.jsonl")
      let outcome = try PolyadProcess.run(
        ["score", "--model", "model", "--adapter", "run", "--input", "lines.jsonl", "--task", "pair"], in: folder.url)
      #expect(outcome.exitCode == 3)
      #expect(
        outcome.messages == [
          "polyad: \(folder.file("lines.jsonl").path):1 has the label \"perhaps\", which is not among maybe, no, yes. "
            + "Correct the line or the task's labels."
        ])
    }
  }

  /// Without text there is the class's number, or its name where the task lists them.
  @Test func preTokenizedTestSetsHaveReferences() throws {
    try EncoderFolder.with { folder in
      folder.recipe["tasks"] = EncoderFolder.tasks([", test: 0.jsonl, metrics: [accuracy]"])
      _ = try folder.trained(ranks: 2, as: "run", ["max_steps=25", "max_seq_length=64"])
      let predictions = try predictions(folder, "run/predictions.jsonl")
      #expect(predictions.map(\.references) == [["0"], ["1"]])
      // Two examples are soon learnt by heart.
      #expect(predictions.map(\.prediction) == ["0", "1"])
      let evaluation = try String(contentsOf: folder.file("run/evaluation/25.json"), encoding: .utf8)
      #expect(evaluation.contains("100"))
      let numbers =
        [["input_ids": [2, 9, 3], "label": 1.5], ["input_ids": [2, 8, 3], "label": -2]] as [[String: Any]]
      try folder.write(numbers, to: "0.jsonl")
      folder.recipe["tasks"] = EncoderFolder.tasks([", test: 0.jsonl, num_labels: 1, metrics: [pearson]"])
      _ = try folder.trained(ranks: 1, as: "numbers", ["max_steps=2"])
      #expect(try self.predictions(folder, "numbers/predictions.jsonl").map(\.references) == [["1.5"], ["-2"]])
    }
  }

  /// From an adapter without heads, or with some: what is known goes on, what is new starts.
  @Test func anAdapterGoesOnWithMoreTasks() throws {
    try with { folder in
      folder.recipe["adapter"] = "{peft_type: LORA, r: 2}"
      let first = String(Self.tasks.split(separator: "\n")[0...1].joined(separator: "\n").dropLast()) + "]"
      let all = folder.recipe["tasks"]
      folder.recipe["tasks"] = first
      _ = try folder.trained(ranks: 1, as: "old", ["max_steps=3"])
      folder.recipe["tasks"] = all
      folder.recipe["adapter"] = "{init_from: old}"
      let grown = try (1...2).map { try folder.trained(ranks: $0, as: "grown\($0)", ["max_steps=6"]) }
      #expect(grown[0] == grown[1])
      _ = try folder.trained(ranks: 2, as: "run", ["max_steps=2"])
      try FileManager.default.removeItem(at: folder.file("old"))
      let resumed = try folder.train(["max_steps=6"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == grown[0])
    }
  }

  @Test func aNewTaskOfARoutedAdapterBringsItsHead() throws {
    try with { folder in
      let tasks = try #require(folder.recipe["tasks"])
      let lines = tasks.split(separator: "\n")
      folder.recipe["tasks"] = String(lines[0...3].joined(separator: "\n").dropLast()) + "]"
      _ = try folder.trained(ranks: 1, as: "old", ["max_steps=3"])
      folder.recipe["tasks"] = tasks
      folder.recipe["adapter"] = "{init_from: old, new_tasks: [likeness], train: task}"
      let grown = try (1...2).map { try folder.trained(ranks: $0, as: "grown\($0)", ["max_steps=4"]) }
      #expect(grown[0] == grown[1])
      let before = try TensorFile(folder.file("old/adapter_model.safetensors")).tensors
      let after = try TensorFile(folder.file("grown1/adapter_model.safetensors")).tensors
      for name in before.keys where name.contains("classifier") {
        #expect(after[name]?.values == before[name]?.values, "\(name)")
      }
      let head = try #require(after["base_model.model.classifier.likeness.bias"])
      #expect(head.values != [0])
    }
  }
}
