import Foundation
import TestSupport
import Testing

/// What is refused of tasks that are classified: one line each, and the right exit code.
struct ClassificationErrorTests {
  private static func task(_ keys: String) -> String {
    """
    [{name: tone, format: jsonl, train: tone.jsonl, source: "{text}", target: "{answer}"\(keys)}]
    """
  }

  private func with(_ keys: String = "", family: String = "bert", _ body: (inout TrainFolder) throws -> Void) throws {
    try EncoderFolder.with(family) { folder in
      try folder.write(
        [["text": "fine", "answer": "good", "other": "x"], ["text": "grim", "answer": "bad", "other": "y"]],
        to: "tone.jsonl")
      folder.recipe["tasks"] = Self.task(keys)
      folder.recipe["train_batch_size"] = "2"
      folder.recipe["micro_batches"] = "2"
      folder.recipe["max_steps"] = "1"
      try body(&folder)
    }
  }

  private func expect(_ outcome: PolyadProcess.Outcome, _ code: Int32, _ text: String) {
    #expect(outcome.exitCode == code, "\(outcome.standardError)")
    // Under mpirun the rank and the host come first.
    let messages = outcome.messages.map { $0.replacing(/^polyad: (rank \d+ of \d+ on [^:]*: )?/, with: "") }
    #expect(messages == [text])
  }

  @Test(arguments: [
    (
      ", labels: [bad, fine]", 3,
      "FOLDER/tone.jsonl:1 has the label \"good\", which is not among bad, fine. Correct the line or the task's labels."
    ),
    (
      ", labels: [bad, good], source_pair: \"{second}\"", 3,
      "FOLDER/tone.jsonl:1 has no field second; it has answer, other, text. Correct the template or the line."
    ),
    ("", 3, "Task tone has no labels listed, and its label \"good\" is not a number. List the labels in class order."),
    (
      ", labels: [bad, good, odd]", 2,
      "task tone: it has 3 labels, but the head it is classified by has 2 output(s); give the task num_labels: 3 for a "
        + "head of its own"
    ),
    (
      ", labels: [bad, good], num_labels: 3", 2,
      "`tasks.0.num_labels` is 3 (line 13); it must be 2, as many as labels"
    ),
    (
      ", labels: [bad, good], prediction: rank_classification", 2,
      "task tone has prediction rank_classification, which scores labels as written answers, but the model writes "
        + "none: remove the key"
    ),
  ])
  func aTaskThatCannotBeClassifiedIsRefused(keys: String, code: Int, text: String) throws {
    try with(keys) { folder in
      expect(try folder.train(ranks: 2), Int32(code), text.replacing("FOLDER", with: folder.url.path))
    }
  }

  @Test func aModelWithoutAHeadNamesTheTask() throws {
    try with(", labels: [bad, good]") { folder in
      try EncoderFolder.removeHead(folder)
      expect(
        try folder.train(ranks: 2), 2,
        "task tone: the bert model has no classification head of its own and the task brings none; give the task "
          + "num_labels, its 2 labels make num_labels: 2")
      #expect(try folder.train(["tasks.0.num_labels=2"]).exitCode == 0)
      // One head serves lines that name no task.
      try folder.write([["input_ids": [2, 9, 3], "label": 1]], to: "line.jsonl")
      func score(_ options: [String]) throws -> PolyadProcess.Outcome {
        try PolyadProcess.run(["score", "--model", "model", "--input", "line.jsonl"] + options, in: folder.url)
      }
      #expect(try score(["--adapter", "run"]).exitCode == 0)
      expect(
        try score([]), 4,
        "\(folder.file("line.jsonl").path): the bert model has no classification head of its own; pass --adapter with "
          + "an adapter that has one")
      folder.recipe["tasks"] = EncoderFolder.tasks([", num_labels: 2", ", num_labels: 3", ", num_labels: 2"])
      #expect(try folder.train(["output_dir=several"]).exitCode == 0)
      expect(
        try score(["--adapter", "several"]), 4,
        "\(folder.file("line.jsonl").path): the bert model has no classification head of its own; the adapter has "
          + "heads for task0, task1, task2: choose one with --task, or as each line's task")
      #expect(try score(["--adapter", "several", "--task", "task1"]).exitCode == 0)
      expect(
        try score(["--adapter", "several", "--task", "tone"]), 4,
        "the adapter knows no task \"tone\"; it knows: task0, task1, task2")
    }
  }

  @Test func aLabelBeyondTheHeadIsNamedWithItsExample() throws {
    try with { folder in
      folder.recipe["tasks"] = EncoderFolder.tasks([""])
      for (label, written) in [(2.0, "2"), (-1, "-1"), (0.5, "0.5")] {
        try folder.write(
          [["input_ids": [2, 9, 3], "label": 1], ["input_ids": [2, 8, 3], "label": label, "id": "odd"]], to: "0.jsonl")
        expect(
          try folder.train(), 3,
          "Task task0, example odd: the label \(written) is no class from 0 to 1. Correct it, or give the task another "
            + "num_labels (1 for a number).")
      }
      let scored = try PolyadProcess.run(["score", "--model", "model", "--input", "0.jsonl"], in: folder.url)
      #expect(scored.exitCode == 3 && scored.messages.first?.contains("the label 0.5 is no class") == true)
    }
  }

  @Test func linesOfTheWrongFormAreNamed() throws {
    try with(family: "roberta") { folder in
      func score(_ line: [String: Any]) throws -> PolyadProcess.Outcome {
        try folder.write([line], to: "line.jsonl")
        return try PolyadProcess.run(["score", "--model", "model", "--input", "line.jsonl"], in: folder.url)
      }
      let place = folder.file("line.jsonl").path
      expect(
        try score(["input_ids": [0, 9, 2], "token_type_ids": [0, 0], "label": 1]), 3,
        "\(place):1 has 3 input_ids and 2 token_type_ids. There must be one type a token.")
      expect(
        try score(["input_ids": [0, 9, 2], "token_type_ids": [0, 1, 1], "label": 1]), 3,
        "\(place):1 has the token type 1, but the model knows 1 type(s) from 0. Use the model's own tokenizer or "
          + "correct token_type_ids.")
      expect(
        try score(["input_ids": [0, 9, 2], "labels": [-100, 9]]), 3,
        "\(place):1 has 3 input_ids and 2 labels. There must be one label a token; -100 marks a token without.")
      expect(
        try score(["input_ids": [0, 9, 2], "labels": [-100, 9, -100]]), 4,
        "task \(place): its lines have labels at single tokens, but the roberta model's folder has no head for masked "
          + "tokens; give label for a class, or use a folder saved as a masked language model")
      // Padding shifts no place; 129 tokens are one too many for 130 places that begin behind it.
      #expect(try score(["input_ids": [0, 9, 1, 1, 2], "label": 1]).exitCode == 0)
      let long = try score(["input_ids": [Int](repeating: 9, count: 129), "label": 1])
      #expect(long.exitCode == 3 && long.messages.first?.contains("128") == true)
    }
  }

  @Test(arguments: [1, 2]) func encodersDoNotGenerate(ranks: Int) throws {
    try with { folder in
      try folder.write([["input_ids": [2, 9, 3]]], to: "line.jsonl")
      let outcome = try PolyadProcess.run(
        ["generate", "--model", "model", "--input", "line.jsonl", "--max-new-tokens", "2"], ranks: ranks,
        in: folder.url)
      expect(
        outcome, 4,
        "bert models do not generate text: use score, or evaluate with a recipe, for their classes and numbers")
    }
  }

  @Test func headsGoWithAdaptersOnly() throws {
    try with(", labels: [bad, good], num_labels: 2") { folder in
      folder.recipe["adapter"] = "{peft_type: FULL}"
      expect(
        try folder.train(), 2,
        "task tone: peft_type FULL writes a Hugging Face model, which has one classification head; remove num_labels, "
          + "or use an adapter")
    }
  }

  @Test func headsAndPairsGoWithEncodersOnly() throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = """
        [{name: add, format: jsonl, train: add.jsonl, source: "{text}", target: "{answer}", num_labels: 2}]
        """
      expect(
        try folder.train(), 2,
        "task add: num_labels asks for a classification head, which gpt2 models do not get here; remove it, and the "
          + "labels are generated or ranked as text")
      folder.recipe["tasks"] = """
        [{name: add, format: jsonl, train: add.jsonl, source: "{text}", source_pair: "{text}", target: "{answer}"}]
        """
      expect(
        try folder.train(), 2,
        "Task add has a second text, but only encoder models read pairs of texts. Write both into source.")
    }
  }

  @Test func aSavedHeadKeepsItsSize() throws {
    try with(", labels: [bad, good], num_labels: 2") { folder in
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["adapter"] = "{init_from: old}"
      #expect(try folder.train().exitCode == 0)
      folder.recipe["tasks"] = Self.task(", labels: [bad, good, odd], num_labels: 3")
      expect(
        try folder.train(["output_dir=other"]), 2,
        "task tone: num_labels is 3, but the head for it has 2 output(s); correct num_labels, or take an adapter that "
          + "was trained with it")
    }
  }

  @Test func aSavedHeadKeepsTheOrderOfItsLabels() throws {
    try with(", labels: [bad, good], num_labels: 2") { folder in
      _ = try folder.trained(ranks: 1, as: "old")
      let text =
        "task tone: its labels are good, bad, but the adapter's head was trained on bad, good; give them in that order"
      folder.recipe["tasks"] = Self.task(", labels: [good, bad], num_labels: 2, test: tone.jsonl")
      try folder.writeRecipe()
      expect(try PolyadProcess.run(["evaluate", "recipe.yaml", "--adapter", "old"], in: folder.url), 2, text)
      folder.recipe["adapter"] = "{init_from: old}"
      expect(try folder.train(["output_dir=other"]), 2, text)
    }
  }

  @Test func linesWithoutTokensAreDropped() throws {
    try with(", labels: [bad, good]") { folder in
      let tokens: [[Int]] = [[2, 9, 3], [], [2, 8, 3]]
      try folder.write(tokens.map { ["input_ids": $0, "label": 1] }, to: "gaps.jsonl")
      folder.recipe["tasks"] = "[{name: gaps, format: pretokenized, train: gaps.jsonl}]"
      (folder.recipe["train_batch_size"], folder.recipe["micro_batches"]) = ("2", "2")
      let outcome = try folder.train()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("gaps (train): 1 examples have no label left and are dropped"))
    }
  }

  @Test func skippingEveryLabelLeavesNothing() throws {
    try with(", skip_labels: [bad, good]") { folder in
      let outcome = try folder.train()
      #expect(outcome.exitCode == 3)
      #expect(outcome.messages.first?.contains("examples have a label of skip_labels. Correct skip_labels.") == true)
    }
  }

  @Test func aNewHeadThatNothingTrainsIsRefused() throws {
    try with(", labels: [bad, good]") { folder in
      folder.recipe["adapter"] = "{peft_type: C_POLY, r: 2}"
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["tasks"] = Self.task(", labels: [bad, good], num_labels: 2")
      folder.recipe["adapter"] = "{init_from: old, train: router}"
      expect(
        try folder.train(), 2,
        "task tone: num_labels asks for a new classification head, which train: router would leave as it starts; use "
          + "train: all")
    }
  }
}
