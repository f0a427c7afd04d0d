import Foundation
import TestSupport
import Testing

struct UsageTests {
  private func run(_ arguments: [String], ranks: Int = 1) throws -> PolyadProcess.Outcome {
    try withTemporaryFolder { try PolyadProcess.run(arguments, ranks: ranks, in: $0) }
  }

  @Test(arguments: [
    (["trian", "x.yaml"], "there is no verb trian; did you mean train?"),
    (["score", "--modl", "x"], "Unknown option '--modl'. Did you mean '--model'? (see polyad score --help)"),
    (
      ["generate", "--model=x", "--max-tokens", "3"], "Unknown option '--max-tokens'. Did you mean '--max-new-tokens'?"
    ),
    (["evaluate"], "Missing expected argument '<recipe>' (see polyad evaluate --help)"),
    (["evaluate", "x", "--base", "--adapter", "y"], "--base and --adapter exclude each other"),
    (["prepare", "x", "--show", "-1"], "--show"),
    (["prepare", "none.yaml"], "cannot read the recipe"),
    (["score", "--model", "x", "--input", "y", "--task", "99999999999"], "--task must be 0 or more"),
  ])
  func faultsOfTheCallAreOneLineAndCodeTwo(arguments: [String], text: String) throws {
    let outcome = try run(arguments)
    #expect(outcome.exitCode == 2)
    #expect(outcome.standardOutput.isEmpty)
    #expect(outcome.messages.count == 1 && outcome.messages[0].contains(text), "\(outcome.messages)")
    #expect(outcome.standardError.split(separator: "\n").count == 1)
  }

  /// One thread is always allowed: ranks may be more than cores.
  @Test func moreThreadsThanCoresAreRefused() throws {
    try withTemporaryFolder { folder in
      for (ranks, threads, text) in [
        (1, "1000", "POLYAD_THREADS is 1000, but each of 1 rank(s) here has "),
        (3, "1000", "POLYAD_THREADS is 1000, but each of 3 rank(s) here has "),
        (1, "two", "POLYAD_THREADS is \"two\"; it must be a whole number of threads above 0"),
      ] {
        let outcome = try PolyadProcess.run(
          ["train", "none.yaml"], ranks: ranks, in: folder, environment: ["POLYAD_THREADS": threads])
        #expect(outcome.exitCode == 2)
        #expect(outcome.messages.count == 1 && outcome.messages[0].contains(text), "\(outcome.standardError)")
      }
      let outcome = try PolyadProcess.run(
        ["train", "none.yaml"], ranks: 3, in: folder, environment: ["POLYAD_THREADS": "1"])
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("cannot read the recipe"))
    }
  }

  @Test func missingModelsAreCodeFour() throws {
    for arguments in [
      ["score", "--model", "./none", "--input", "x"], ["generate", "--model", "./none", "--input", "x"],
      ["tokenize", "--tokenizer", "./none"], ["inspect", "./none"],
    ] {
      let outcome = try run(arguments + (arguments[0] == "generate" ? ["--max-new-tokens", "1"] : []))
      #expect(outcome.exitCode == 4, "\(arguments)")
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("none"))
    }
  }

  @Test
  func missingAdaptersAreCodeFourAndMissingInputCodeThree() throws {
    let model = CommandFixture.model.path
    let none = try run(["score", "--model", model, "--adapter", "./none", "--input", "x"])
    #expect(none.exitCode == 4)
    #expect(none.messages.count == 1)
    #expect(none.messages[0].hasSuffix("/none; check the path"))
    let empty = try withTemporaryFolder { folder in
      try run(["score", "--model", model, "--adapter", folder.path, "--input", "x"])
    }
    #expect(empty.exitCode == 4 && empty.messages.count == 1)
    #expect(
      empty.messages[0].hasSuffix(
        " holds no adapter: give a folder with adapter_config.json and adapter_model.safetensors"))
    let wrong = try run(["score", "--model", model, "--adapter", model, "--input", "x"])
    #expect(wrong.exitCode == 4)
    #expect(
      wrong.messages
        == ["polyad: \(model) holds a whole model and no adapter: pass it as --model, without --adapter"])
    let input = try run(["score", "--model", model, "--input", "x.jsonl"])
    #expect(input.exitCode == 3)
    #expect(input.messages.count == 1 && input.messages[0].contains("x.jsonl cannot be read: there is no such file"))
  }

  @Test
  func aFileMissingFromAnAdapterIsCodeFour() throws {
    try withTemporaryFolder { folder in
      let name = "adapter_config.json"
      try FileManager.default.copyItem(
        at: CommandFixture.adapter("lora").appending(path: name), to: folder.appending(path: name))
      let input = try CommandFixture.write(#"{"input_ids": [1]}"#, "x.jsonl", in: folder)
      let outcome = try PolyadProcess.run(
        ["score", "--model", CommandFixture.model.path, "--adapter", folder.path, "--input", input], in: folder)
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("adapter_model.safetensors"))
    }
  }

  @Test(arguments: [["score", "--logits"], ["evaluate", "--predictions"]])
  func anUnwritableTargetIsCodeTwoBeforeTheWorkStarts(verb: [String]) throws {
    try TrainFolder.with { folder in
      folder.recipe["tasks"] = TrainEvaluationTests.task
      try folder.writeRecipe()
      try folder.write([["text": "a", "answer": "b"]], to: "test.jsonl")
      let arguments = verb[0] == "score" ? ["--model", "model", "--input", "none"] : ["recipe.yaml", "--base"]
      let missing = try PolyadProcess.run(
        [verb[0]] + arguments + [verb[1], "none/file"], ranks: 2, in: folder.url)
      #expect(missing.exitCode == 2)
      #expect(missing.messages.count == 1)
      #expect(missing.messages.first?.contains("\(verb[1]) none/file: there is no folder ") == true)
      let isFolder = try PolyadProcess.run([verb[0]] + arguments + [verb[1], "model"], in: folder.url)
      #expect(isFolder.exitCode == 2)
      #expect(isFolder.messages == ["polyad: \(verb[1]) model is a folder; name a file in it"])
    }
  }

  @Test func resultsThatStandardOutputDoesNotTakeAreCodeFive() throws {
    try TrainFolder.with { folder in
      let text = "cannot write the results to standard output: No space left on device"
      let tokenize = try PolyadProcess.run(
        ["tokenize", "--tokenizer", "model"], in: folder.url, input: #"{"text": "a"}"# + "\n",
        shell: "exec > /dev/full")
      #expect(tokenize.exitCode == 5)
      #expect(tokenize.messages == ["polyad: \(text)"])
      try folder.write([["input_ids": [1, 2], "labels": [-100, 2]]], to: "lines.jsonl")
      let score = try PolyadProcess.run(
        ["score", "--model", "model", "--input", "lines.jsonl"], in: folder.url, shell: "exec > /dev/full")
      #expect(score.exitCode == 5)
      #expect(score.messages == ["polyad: \(text)"])
    }
  }

  @Test func underMpirunAFaultIsSaidOnce() throws {
    let outcome = try run(["score", "--modl", "x"], ranks: 2)
    #expect(outcome.exitCode == 2)
    #expect(outcome.messages == ["polyad: Unknown option '--modl'. Did you mean '--model'? (see polyad score --help)"])
    let help = try run(["--help"], ranks: 2)
    #expect(help.standardOutput.components(separatedBy: "OVERVIEW").count == 2)
  }
}
