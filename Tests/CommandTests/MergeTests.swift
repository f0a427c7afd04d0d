import Checkpoints
import Foundation
import TestSupport
import Testing

/// `polyad merge`.
struct MergeTests {
  private func model(_ name: String) throws -> URL { try MergeFolder.model(name) }

  private func run(_ arguments: [String], in folder: URL) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(["merge"] + arguments, in: folder)
  }

  private func configuration(_ folder: URL) throws -> [String: Any] {
    try MergeFolder.json(folder.appending(path: "config.json"))
  }

  private func distance(_ first: [Float], _ second: [Float]) -> Float {
    first.count == second.count ? zip(first, second).map { abs($0 - $1) }.max() ?? 0 : .infinity
  }

  @Test(arguments: ["lora", "ia3", "dora"]) func theWeightsAreThoseOfMergeAndUnload(name: String) throws {
    try withTemporaryFolder { folder in
      let model = try model("llama")
      let report = try MergeFolder.merge(model, model.appending(path: "adapters/\(name)"), in: folder)
      let expected = try SafetensorsFile(Fixtures.url("arithmetic/merged/llama-\(name).safetensors"))
      let merged = try MergeFolder.weights(folder.appending(path: "out")), before = try MergeFolder.weights(model)
      #expect(merged.names == before.names && !expected.names.isEmpty)
      // 32-bit sums elsewhere, of numbers below 1.
      for name in expected.names { #expect(distance(try merged.array(name), try expected.array(name)) < 1e-5) }
      for name in before.names where !expected.contains(name) {
        #expect(try Array(merged.bytes(name)) == Array(before.bytes(name)))
      }
      let probe = try #require(report.probe)
      #expect(probe.relativeDifference < 1e-5 && probe.logits > 0)
      #expect(!report.untied && report.dtypes == ["F32"] && report.output == "out")
    }
  }

  @Test func theFolderIsAModelsWithItsTokenizer() throws {
    try withTemporaryFolder { folder in
      let model = try model("llama"), out = folder.appending(path: "out")
      _ = try MergeFolder.merge(model, model.appending(path: "adapters/lora"), in: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: out.path).sorted() == [
          "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        ])
      for name in ["config.json", "tokenizer.json"] {
        #expect(
          try Data(contentsOf: out.appending(path: name)) == Data(contentsOf: model.appending(path: name)))
      }
    }
  }

  private static let pairs: [(model: String, adapter: String)] = {
    let adapters = ["lora", "ia3", "dora", "task-lora", "c-poly", "poly", "mhr"]
    // GPT-2's fixture has fewer adapters.
    return adapters.filter { !["dora", "poly", "mhr"].contains($0) }.map { ("gpt2", $0) }
      + ["llama", "gemma", "t5", "flan-t5", "bert", "roberta"].flatMap { model in adapters.map { (model, $0) } }
  }()

  @Test(arguments: pairs) func theMergedModelAnswersAsTheAdaptedOne(name: String, adapter: String) throws {
    let model = try model(name), source = model.appending(path: "adapters/\(adapter)")
    try withTemporaryFolder { folder in
      let task = ["lora", "ia3", "dora"].contains(adapter) ? [] : ["--task", "1"]
      let probe = try #require(try MergeFolder.merge(model, source, task, in: folder).probe)
      // Single precision through a few layers.
      #expect(probe.relativeDifference < 2e-5)
    }
  }

  @Test(arguments: [("F16", 2e-3), ("bf16", 2e-2)])
  func theTypeCanBeChosen(type: String, tolerance: Double) throws {
    try withTemporaryFolder { folder in
      let model = try model("llama")
      let report = try MergeFolder.merge(model, model.appending(path: "adapters/lora"), ["--dtype", type], in: folder)
      #expect(report.dtypes == [type.uppercased()])
      let merged = try MergeFolder.weights(folder.appending(path: "out"))
      for name in merged.names { #expect(try merged.info(name).dataType.rawValue == type.uppercased()) }
      let json = try configuration(folder.appending(path: "out"))
      #expect((json["dtype"] ?? json["torch_dtype"]) as? String == (type == "F16" ? "float16" : "bfloat16"))
      let probe = try #require(report.probe)
      #expect(probe.max_difference > 0 && probe.relativeDifference < tolerance)
    }
  }

  @Test func aProbeOfOnesOwnIsUsed() throws {
    try withTemporaryFolder { folder in
      let model = try model("llama")
      let probe = try CommandFixture.write(
        #"{"input_ids": [5, 6, 7], "labels": [5, 6, 7]}"# + "\n", "probe.jsonl", in: folder)
      let report = try MergeFolder.merge(model, model.appending(path: "adapters/lora"), ["--probe", probe], in: folder)
      let vocabulary = try #require(try configuration(model)["vocab_size"] as? Int)
      #expect(report.probe?.logits == 3 * vocabulary)
    }
  }

  @Test func theTextTellsTheDifference() throws {
    try withTemporaryFolder { folder in
      let model = try model("llama")
      let outcome = try run(
        ["--model", model.path, "--adapter", model.appending(path: "adapters/lora").path, "--output", "out"],
        in: folder)
      let lines = outcome.standardOutput.split(separator: "\n")
      #expect(outcome.exitCode == 0 && lines.count == 3)
      #expect(lines.first?.hasPrefix("folded ") == true && lines.first?.hasSuffix(" maps, F32") == true)
      #expect(lines.dropFirst().first?.hasPrefix("largest difference of ") == true)
      #expect(lines.last == "wrote out")
    }
  }

  @Test(arguments: [("gpt2", 1), ("t5", 1 / Float(48).squareRoot()), ("flan-t5", 1)])
  func aProjectionOfTheAdaptersOwnIsNoLongerTied(family: String, factor: Float) throws {
    try MergeFolder.with(family, "lora") { folder in
      let before = try folder.weights("model")
      let table = try #require(before.names.first { $0.hasSuffix("wte.weight") || $0 == "shared.weight" })
      let projection = try folder.addProjection(from: table)
      let report = try folder.merge(), merged = try folder.weights("out")
      #expect(report.untied && report.whole_modules == ["lm_head"])
      // T5 divides its last states by √48 only where the projection is tied; version 1.1 never does.
      #expect(distance(try merged.array("lm_head.weight"), projection.map { factor * $0 }) <= (factor == 1 ? 0 : 1e-6))
      #expect(try merged.array(table) == before.array(table))
      let json = try MergeFolder.json(folder.file("out/config.json"))
      #expect(json["tie_word_embeddings"] as? Bool == false && json["scale_decoder_outputs"] as? Bool != true)
      #expect(try #require(report.probe).relativeDifference < 2e-5)
    }
  }

  private static let faults: [(adapter: String, arguments: [String], exitCode: Int32, text: String)] = [
    ("mode", [], 4, "a token-routed adapter (MODE) cannot be exported or merged"),
    ("task-lora", [], 2, "the adapter tells tasks apart, and a merged model does one: choose it with --task: "),
    ("task-lora", ["--task", "99"], 4, "the adapter knows no task \"99\""),
    ("lora", ["--task", "0"], 2, "an adapter of peft_type LORA without heads of tasks is the same for all tasks"),
    ("lora", ["--dtype", "F8"], 2, "The value 'F8' is invalid for '--dtype <dtype>'"),
    ("lora", ["--adapter=other"], 2, "--adapter is given 2 times: merge folds one; make one with compose"),
    ("nothing", [], 4, "there is no folder"),
  ]

  @Test(arguments: faults.indices) func aFaultIsSaidAndNothingIsWritten(index: Int) throws {
    let (adapter, arguments, exitCode, text) = Self.faults[index]
    try withTemporaryFolder { folder in
      let model = CommandFixture.model
      let outcome = try run(
        ["--model", model.path, "--adapter", model.appending(path: "adapters/\(adapter)").path, "--output", "out"]
          + arguments, in: folder)
      #expect(outcome.exitCode == exitCode)
      #expect(outcome.standardError.contains("polyad: " + text), "\(outcome.standardError)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.contains("out") }.isEmpty)
    }
  }

  @Test func anUntrainedAdapterOrAFullFolderIsRefused() throws {
    try withTemporaryFolder { folder in
      let model = try model("llama"), adapter = model.appending(path: "adapters/lora")
      let zero = try PolyadProcess.run(
        ["compose", "a - a", "--adapter", "a=\(adapter.path)", "--output", "zero"], in: folder)
      #expect(zero.exitCode == 0)
      let idle = try run(["--model", model.path, "--adapter", "zero", "--output", "out"], in: folder)
      #expect(idle.exitCode == 4 && idle.standardError.contains("would leave every weight as it is: is it trained?"))
      #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
      let full = try run(["--model", model.path, "--adapter", adapter.path, "--output", "zero"], in: folder)
      #expect(full.exitCode == 2 && full.standardError.contains("--output zero is there already and not empty"))
    }
  }
}
