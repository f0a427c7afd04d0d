import Checkpoints
import Foundation
import TestSupport
import Testing

/// `polyad export`.
struct ExportTests {
  private struct Report: Decodable {
    struct Task: Decodable, Equatable {
      let task: Int
      let name: String?
      let path: String
    }

    let peft_type: String
    let r: Int
    let lora_alpha: Double
    let tasks: [Task]
  }

  private func run(_ arguments: String..., in folder: URL) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(["export"] + arguments, in: folder)
  }

  private func names(_ folder: URL) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".c") }.sorted()
  }

  @Test(arguments: ["task-lora", "c-poly", "c-poly-raw"]) func aTaskScoresAsTheRoutedAdapterDoes(name: String) throws {
    try withTemporaryFolder { folder in
      let adapter = try CommandFixture.adapter(name).path
      let input = try CommandFixture.write(CommandFixture.batch().lines, "batch.jsonl", in: folder)
      #expect(try run("--adapter", adapter, "--task", "1", "--output", "one", in: folder).exitCode == 0)
      func logits(_ adapter: String, _ file: String) throws -> SafetensorsFile {
        let outcome = try PolyadProcess.run(
          ["score", "--model", CommandFixture.model.path, "--adapter", adapter, "--input", input, "--task", "1"]
            + ["--logits", file], in: folder)
        #expect(outcome.exitCode == 0 && outcome.messages.isEmpty)
        return try SafetensorsFile(folder.appending(path: file))
      }
      let routed = try logits(adapter, "routed.safetensors"), plain = try logits("one", "plain.safetensors")
      for name in routed.names {
        let expected = try routed.array(name), found = try plain.array(name)
        let difference = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
        let largest = expected.map(abs).max() ?? 0
        // Both in single precision, in sums of different order: a few 1e-7 an operation, relative to the largest.
        #expect(difference <= 5e-6 * largest)
      }
    }
  }

  @Test func everyTaskGetsAFolder() throws {
    try RoutedFolder.with(names: ["rte", "super glue/wic"]) { folder in
      let outcome = try run("--adapter", "adapter", "--all-tasks", "--output", "out/all", "--json", in: folder)
      #expect(outcome.exitCode == 0 && outcome.messages.isEmpty)
      let report = try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8))
      #expect(report.peft_type == "C_POLY" && report.r == 4 && report.lora_alpha == 12)
      #expect(
        report.tasks == [
          .init(task: 0, name: "rte", path: "out/all/task-0-rte"),
          .init(task: 1, name: "super glue/wic", path: "out/all/task-1-super_glue_wic"),
        ])
      let all = folder.appending(path: "out/all")
      #expect(try names(all) == ["task-0-rte", "task-1-super_glue_wic"])
      for name in try names(all) {
        #expect(
          try names(all.appending(path: name)) == ["adapter_config.json", "adapter_model.safetensors"])
      }
      let one = try run("--adapter", "adapter", "--task", "super glue/wic", "--output", "one", in: folder)
      #expect(one.exitCode == 0 && one.standardOutput.contains("super glue/wic"))
      for name in ["adapter_config.json", "adapter_model.safetensors"] {
        #expect(
          try Data(contentsOf: folder.appending(path: "one/\(name)"))
            == Data(contentsOf: all.appending(path: "task-1-super_glue_wic/\(name)")))
      }
    }
  }

  @Test func whatCannotBeExportedIsSaidInALineAndNothingIsWritten() throws {
    try RoutedFolder.with(names: ["rte", "wic"]) { folder in
      func check(_ code: Int32, _ text: String, _ arguments: String...) throws {
        let outcome = try PolyadProcess.run(["export", "--output", "out"] + arguments, in: folder)
        #expect(outcome.exitCode == code && outcome.standardOutput.isEmpty)
        #expect(outcome.messages.count == 1 && outcome.messages[0].hasPrefix("polyad: " + text), "\(outcome)")
        #expect(!FileManager.default.fileExists(atPath: folder.appending(path: "out").path))
      }
      try check(4, "the adapter knows no task \"cb\"; it knows: rte, wic", "--adapter", "adapter", "--task", "cb")
      try check(
        4, "the adapter has no task 2: its tasks are numbered from 0 to 1", "--adapter", "adapter", "--task", "2")
      for name in ["molora", "molora-sd", "mode"] {
        try check(
          4, "a token-routed adapter (MO", "--adapter", CommandFixture.adapter(name).path, "--task", "0")
      }
      try check(
        4, "an adapter of peft_type LORA is the same", "--adapter", CommandFixture.adapter("lora").path, "--all-tasks")
      try check(4, "there is no folder \(folder.path)/nowhere", "--adapter", "nowhere", "--task", "0")
      try check(4, "\(folder.path) holds no adapter", "--adapter", ".", "--task", "0")
      try check(2, "give either --task or --all-tasks", "--adapter", "adapter")
      try check(2, "give either --task or --all-tasks", "--adapter", "adapter", "--all-tasks", "--task", "0")
    }
  }

  @Test func anOutputWithSomethingInItIsLeftAsItIs() throws {
    try RoutedFolder.with(names: []) { folder in
      let outcome = try run("--adapter", "adapter", "--task", "0", "--output", "adapter", in: folder)
      #expect(outcome.exitCode == 2)
      #expect(
        outcome.messages
          == ["polyad: --output adapter is there already and not empty: choose another folder or remove it"])
      _ = try CommandFixture.write("", "file", in: folder)
      let file = try run("--adapter", "adapter", "--task", "0", "--output", "file", in: folder)
      #expect(file.exitCode == 2 && file.messages == ["polyad: --output file is a file: name a folder"])
      try FileManager.default.createDirectory(
        at: folder.appending(path: "empty"), withIntermediateDirectories: true)
      #expect(try run("--adapter", "adapter", "--task", "1", "--output", "empty", in: folder).exitCode == 0)
    }
  }

  /// A file that ends early must not leave half an export.
  @Test func aFaultLeavesNothingBehind() throws {
    try RoutedFolder.with(names: []) { folder in
      let outcome = try PolyadProcess.run(
        ["export", "--adapter", "adapter", "--all-tasks", "--output", "out"], in: folder, shell: "ulimit -f 1")
      #expect(outcome.exitCode != 0)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(left.filter { !$0.hasPrefix(".c") } == ["adapter"])
    }
  }
}
