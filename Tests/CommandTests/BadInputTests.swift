import Foundation
import TestSupport
import Testing

/// What is wrong with a run's input is said once a job, in one line, with the exit code of its kind, before anything is
/// trained.
struct BadInputTests {
  /// One fault and what the program says.
  struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let exitCode: Int32
    /// Parts of the line.
    let texts: [String]
    var settings: [String] = []
    var ranks = 1
    var prepare: @Sendable (inout TrainFolder) throws -> Void = { _ in }

    init(
      _ testDescription: String, _ exitCode: Int32, _ texts: String..., settings: [String] = [], ranks: Int = 1,
      prepare: @escaping @Sendable (inout TrainFolder) throws -> Void = { _ in }
    ) {
      (self.testDescription, self.exitCode, self.texts) = (testDescription, exitCode, texts)
      (self.settings, self.ranks, self.prepare) = (settings, ranks, prepare)
    }
  }

  static let recipes = [
    Fault("unknown key", 2, "unknown key `learning_rat`", "did you mean `learning_rate`?", ranks: 2) {
      $0.recipe["learning_rat"] = "1"
    },
    Fault("unknown key by --set", 2, "unknown key `adapter.rr` (--set); did you mean `r`?", settings: ["adapter.rr=4"]),
    Fault("more ranks than parts", 2, "3 ranks cannot share 2 micro-batches", settings: ["micro_batches=2"], ranks: 3),
    Fault(
      "output_dir below a file", 2, "output_dir ", "add.jsonl/run cannot be written", "Not a directory",
      settings: ["output_dir=add.jsonl/run"], ranks: 2),
    Fault("output_dir is a file", 2, "add.jsonl cannot be written", settings: ["output_dir=add.jsonl"]),
    Fault("output_dir is the model", 2, "model holds what model_name_or_path names", settings: ["output_dir=model"]),
    Fault(
      "neither true nor false", 2, "`activation_checkpointing` is the text \"some\"", "expected true or false",
      settings: ["activation_checkpointing=some"]),
    Fault(
      "a group above the batch", 2, "`mixing.group` is 9 (--set); it must be at most train_batch_size, which is 8",
      settings: ["mixing.group=9"], ranks: 2),
    Fault("max_seq_length", 2, "max_seq_length is 49, but the model has 48 positions", settings: ["max_seq_length=49"]),
    Fault(
      "routers of LoRA", 2, "router_learning_rate is set, but a model with peft_type LORA has no routers",
      settings: ["router_learning_rate=0.1"], ranks: 2),
    Fault("LoRA+ without LoRA", 2, "loraplus_lr_ratio is set, but a model with peft_type FULL has no up-projections") {
      $0.recipe["adapter"] = "{peft_type: FULL}"
      $0.recipe["loraplus_lr_ratio"] = "16"
    },
    Fault("test file alone", 3, "Task add has no train file") {
      $0.recipe["tasks"] = "[{name: add, format: jsonl, test: add.jsonl}]"
    },
  ]

  static let models = [
    Fault("no model folder", 4, "nowhere", settings: ["model_name_or_path=./nowhere"]),
    Fault("no such name", 4, "nobody/nothing", settings: ["model_name_or_path=nobody/nothing"], ranks: 2),
    Fault("model_type", 4, "model_type \"mamba\" is not supported; supported are: gpt2") {
      try $0.writeModel(configuration: ["model_type": "mamba"])
    },
    Fault("config.json is no JSON", 4, "config.json") { try Data("{".utf8).write(to: $0.file("model/config.json")) },
    Fault("more layers than the file has", 4, "model.safetensors: 12 tensor(s) that config.json asks for are missing") {
      try $0.writeModel(configuration: ["n_layer": 3])
    },
    Fault("another width", 4, "has shape [257, 16], config.json asks for [257, 32]") {
      try $0.writeModel(configuration: ["n_embd": 32])
    },
    Fault("shape and bytes differ", 4, "lm_head.weight", "model.safetensors") {
      try $0.writeModel { $0["lm_head.weight"]!.shape = [257, 17] }
    },
    Fault("truncated weights", 4, "model.safetensors", "expected", "found", ranks: 2) {
      let file = $0.file("model/model.safetensors")
      try Data(contentsOf: file).dropLast(100).write(to: file)
    },
    Fault("header beyond the file", 4, "model.safetensors: its first 8 bytes announce a header of") {
      try Data(repeating: 0x7f, count: 100).write(to: $0.file("model/model.safetensors"))
    },
    Fault("weights of no bytes", 4, "model.safetensors") { try Data().write(to: $0.file("model/model.safetensors")) },
    Fault("weights are a page of HTML", 4, "model.safetensors") {
      try Data("<!doctype html><html></html>".utf8).write(to: $0.file("model/model.safetensors"))
    },
    Fault("no weights", 4, "model") { try FileManager.default.removeItem(at: $0.file("model/model.safetensors")) },
    Fault("tokenizer of another kind", 4, "tokenizer.json asks for model WordLevel", "which is not supported here") {
      try Data(#"{"model": {"type": "WordLevel", "vocab": {}}}"#.utf8).write(to: $0.file("model/tokenizer.json"))
    },
    Fault("tokenizer.json is no JSON", 4, "tokenizer.json") {
      try Data("[1, 2".utf8).write(to: $0.file("model/tokenizer.json"))
    },
    Fault(
      "target_modules", 4, "\"q_proj\" matches no linear map", "c_attn",
      settings: ["adapter.target_modules=[q_proj]"], ranks: 2),
    Fault("no adapter to start from", 4, "missing/adapter_config.json") {
      $0.recipe["adapter"] = "{init_from: missing}"
    },
  ]

  static let data = [
    Fault("no data file", 3, "gone.jsonl cannot be read: ", settings: ["tasks.0.train=gone.jsonl"]),
    Fault("bad JSON", 3, "add.jsonl:3 is not the JSON expected here", ranks: 2) {
      try Data("{\"text\": \"a\", \"answer\": \"b\"}\n\n{\"text\": \"a\",\n".utf8).write(to: $0.file("add.jsonl"))
    },
    Fault(
      "a field that is not there", 3, "add.jsonl:1 has no field sum; it has answer, text",
      settings: ["tasks.0.target='{sum}'"]),
    Fault("no examples", 3, "Task add has no example", "add.jsonl is empty") {
      try Data("\n\n".utf8).write(to: $0.file("add.jsonl"))
    },
    Fault("no tokenizer", 3, "add holds text, but there is no tokenizer", ranks: 2) {
      try FileManager.default.removeItem(at: $0.file("model/tokenizer.json"))
    },
    Fault("a tokenizer beyond the model", 3, "token id 256, but the model has ids from 0 to 255", ranks: 2) {
      try $0.writeModel(configuration: ["vocab_size": 256]) {
        for name in ["transformer.wte.weight", "lm_head.weight"] {
          $0[name] = .init(shape: [256, 16], values: Array($0[name]!.values.dropLast(16)))
        }
      }
    },
    tokens(
      "every label cut away", "nothing to train on: all 2 examples",
      [
        ["input_ids": [1, 2, 3], "labels": [-100, -100, -100]], ["input_ids": [1, 2], "labels": [1, -100]],
      ]),
    tokens(
      "a token beyond the vocabulary", "add.jsonl:2 has the token id 257, which is not from 0 to 256",
      [
        ["input_ids": [1, 2], "labels": [1, 2]], ["input_ids": [1, 257], "labels": [-100, 2]],
      ]),
    tokens(
      "a label beyond the vocabulary", "add.jsonl:1 has the token id 300",
      [
        ["input_ids": [1, 2], "labels": [-100, 300]]
      ]),
    tokens("a negative label", "add.jsonl:1 has the token id -1", [["input_ids": [1, 2], "labels": [-100, -1]]]),
    tokens(
      "a task beyond the recipe's", "add.jsonl:1 names the task 2; the tasks are add, copy",
      [
        ["input_ids": [1, 2], "labels": [-100, 2], "task": 2]
      ]),
    tokens(
      "a task that is not in the recipe", "add.jsonl:1 names the task sub; the tasks are add, copy",
      [
        ["input_ids": [1, 2], "labels": [-100, 2], "task": "sub"]
      ]),
    tokens(
      "unequal lengths", "add.jsonl:1 has 2 input_ids and 3 labels",
      [
        ["input_ids": [1, 2], "labels": [-100, 2, 3]]
      ]),
    tokens("no labels", "add.jsonl:1 needs input_ids with labels", [["input_ids": [1, 2]]]),
  ]

  /// A fault of pre-tokenized lines.
  private static func tokens(_ name: String, _ text: String, _ lines: [[String: any Sendable]]) -> Fault {
    Fault(name, 3, text) {
      $0.recipe["tasks"] = """
        [{name: add, format: pretokenized, train: add.jsonl},
         {name: copy, format: jsonl, train: copy.jsonl, source: "{text}", target: "{answer}"}]
        """
      try $0.write(lines, to: "add.jsonl")
    }
  }

  @Test(arguments: recipes + models + data)
  func aFaultIsSaidOnceInOneLine(fault: Fault) throws {
    try TrainFolder.with { folder in
      try fault.prepare(&folder)
      let outcome = try folder.train(ranks: fault.ranks, fault.settings)
      #expect(outcome.exitCode == fault.exitCode)
      #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      let message = outcome.messages.first ?? ""
      for text in fault.texts { #expect(message.contains(text), "\(outcome.standardError)") }
      #expect(outcome.standardOutput.isEmpty)
      #expect(!folder.exists("run"))
    }
  }

  @Test func aMissingRecipeIsSaidOnce() throws {
    try TrainFolder.with { folder in
      let outcome = try PolyadProcess.run(["train", "gone.yaml"], ranks: 2, in: folder.url)
      #expect(outcome.exitCode == 2)
      #expect(outcome.standardError.split(separator: "\n").count == 1, "\(outcome.standardError)")
      #expect(outcome.messages.first?.contains("gone.yaml: no such file") == true)
    }
  }
}

/// Faults that meet a run folder which holds a run: nothing in it changes.
struct BadInputRunFolderTests {
  @Test func aRunIsNeitherReplacedNorResumedByAccident() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run")
      let before = try files(below: folder.file("run"))
      for (settings, options, text) in [
        ([], [], "already holds a run: continue it with --resume, replace it with --overwrite"),
        (["learning_rate=0.02"], ["--resume"], "`learning_rate` was 0.01 and is 0.02"),
        (["adapter.r=8", "seed=1"], ["--resume"], "`adapter.r` was 4 and is 8"),
        (["micro_batches=4"], ["--resume"], "`micro_batches` was 5 and is 4"),
        ([], ["--resume", "--overwrite"], "--resume and --overwrite exclude each other"),
      ] {
        let outcome = try folder.train(ranks: 2, settings, options: options)
        #expect(outcome.exitCode == 2 && outcome.standardError.contains(text), "\(outcome.standardError)")
        #expect(try files(below: folder.file("run")) == before)
      }
    }
  }

  @Test func changedTrainingDataForbidsToResume() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run")
      try folder.write((0..<6).map { ["text": "Say \($0): ", "answer": "\($0)"] }, to: "copy.jsonl")
      let outcome = try folder.train(ranks: 2, options: ["--resume"])
      #expect(outcome.exitCode == 2 && outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(outcome.messages.first?.contains("the training data of copy is not what it was") == true)
    }
  }

  @Test(arguments: ["run", "run/checkpoint-5"]) func aRunIsNotReplacedByOneThatStartsFromIt(start: String) throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run")
      let before = try files(below: folder.file("run"))
      folder.recipe["adapter"] = "{init_from: \(start)}"
      let outcome = try folder.train(options: ["--overwrite"])
      #expect(outcome.exitCode == 2 && outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(outcome.messages.first?.contains("run holds what adapter.init_from names") == true)
      #expect(try files(below: folder.file("run")) == before)
    }
  }

  @Test func aRunWithoutItsRecipeResumesOnlyWithTheSameSettings() throws {
    try TrainFolder.with { folder in
      let whole = try folder.trained(ranks: 1, as: "run")
      try FileManager.default.removeItem(at: folder.file("run/recipe.yaml"))
      let other = try folder.train(ranks: 2, ["seed=7"], options: ["--resume"])
      #expect(other.exitCode == 2 && other.messages.count == 1, "\(other.standardError)")
      #expect(other.messages.first?.contains("the checkpoint was made with other settings") == true)
      #expect(try folder.train(options: ["--resume"]).exitCode == 0)
      #expect(try folder.weights(of: "run") == whole)
    }
  }

  @Test func aCheckpointResumesWithoutTheAdapterThatTheRunStartedFrom() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "first", ["max_steps=3"])
      folder.recipe["adapter"] = "{init_from: first}"
      let whole = try folder.trained(ranks: 1, as: "unbroken")
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=5"])
      try FileManager.default.removeItem(at: folder.file("first"))
      let outcome = try folder.train(ranks: 2, options: ["--resume"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try folder.weights(of: "run") == whole)

      try FileManager.default.removeItem(at: folder.file("run"))
      let fresh = try folder.train(ranks: 2, options: ["--resume"])
      #expect(fresh.exitCode == 4 && fresh.messages.count == 1, "\(fresh.standardError)")
      #expect(fresh.messages.first?.contains("first/adapter_config.json") == true)
    }
  }

  /// A limit on file sizes stands for a full disk: the optimizer's file does not fit.
  @Test func aFullDiskLeavesTheOldCheckpointIntact() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=5"])
      let checkpoint = try files(below: folder.file("run/checkpoint-5"))
      let weights = try folder.weights(of: "run")
      let outcome = try folder.train(options: ["--resume"], shell: "ulimit -f 8")
      #expect(outcome.exitCode == 5)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      let run = folder.file("run").path
      #expect(outcome.messages[0].contains("saving \(run)/checkpoint-8 failed: cannot write "))
      #expect(outcome.messages[0].hasSuffix("checkpoint is \(run)/checkpoint-5; continue from it with --resume"))
      #expect(try files(below: folder.file("run/checkpoint-5")) == checkpoint)
      #expect(try folder.weights(of: "run") == weights)
      #expect(!folder.exists("run/checkpoint-8"))

      #expect(try folder.train(ranks: 2, options: ["--resume"]).exitCode == 0)
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken"))
    }
  }

  @Test func aFullDiskEndsARunThatCannotLogAnyMore() throws {
    try TrainFolder.with { folder in
      let outcome = try folder.train(["max_steps=1000", "save_steps=null"], shell: "ulimit -f 8")
      #expect(outcome.exitCode == 5)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(outcome.messages[0].contains("File too large"), "\(outcome.messages)")
      #expect(outcome.messages[0].hasSuffix("No checkpoint was saved before"))
    }
  }

  private func files(below folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return names.reduce(into: [:]) { $0[$1] = try? Data(contentsOf: folder.appending(path: $1)) }
  }
}
