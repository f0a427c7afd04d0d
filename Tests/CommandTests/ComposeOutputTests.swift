import Foundation
import TestSupport
import Testing

/// Where `polyad compose` may write.
struct ComposeOutputTests {
  private static let one = Fixtures.root.appending(path: "arithmetic/lora/inputs/one").path

  private func compose(
    _ expression: String, adapter: String = one, to output: String, _ options: [String] = [], in folder: URL
  ) throws -> PolyadProcess.Outcome {
    try PolyadProcess.run(
      ["compose", expression, "--adapter", "a=\(adapter)", "--output", output] + options, in: folder)
  }

  /// A folder `run` with an adapter at its top and another as its checkpoint.
  private func withRun(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      for name in ["run", "run/checkpoint-100"] {
        try FileManager.default.createDirectory(at: folder.appending(path: name), withIntermediateDirectories: true)
        for file in ["adapter_config.json", "adapter_model.safetensors"] {
          try FileManager.default.copyItem(
            atPath: Self.one + "/" + file, toPath: folder.appending(path: "\(name)/\(file)").path)
        }
      }
      try body(folder)
    }
  }

  private func exists(_ path: String, in folder: URL) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: path).path)
  }

  @Test func aTrainingRunIsNeverReplaced() throws {
    try withRun { folder in
      let outcome = try compose("a", to: "run", ["--overwrite"], in: folder)
      #expect(outcome.exitCode == 2)
      #expect(
        outcome.messages == [
          "polyad: --output run holds an adapter that was not composed (it has no composition.json): choose another "
            + "folder"
        ])
      _ = try CommandFixture.write("{}", "composition.json", in: folder.appending(path: "run"))
      #expect(
        try compose("a", to: "run", ["--overwrite"], in: folder).messages == [
          "polyad: --output run holds more than a composed adapter, such as checkpoint-100: choose another folder or "
            + "remove it"
        ])
      #expect(exists("run/checkpoint-100/adapter_model.safetensors", in: folder))
    }
  }

  @Test(arguments: ["run/checkpoint-100", "link"]) func anAdapterBelowTheOutputIsNeverRemoved(adapter: String) throws {
    try withRun { folder in
      try FileManager.default.createSymbolicLink(
        atPath: folder.appending(path: "link").path, withDestinationPath: "run/checkpoint-100")
      let outcome = try compose("a", adapter: adapter, to: "run", ["--overwrite"], in: folder)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages == ["polyad: --output run holds the adapter \(adapter): choose another folder"])
      #expect(exists("run/checkpoint-100/adapter_model.safetensors", in: folder))
    }
  }

  @Test func aFolderBesideWhoseNameAnAdaptersStartsGivesWay() throws {
    try withTemporaryFolder { folder in
      for output in ["out", "out-2"] { try #require(compose("a", to: output, in: folder).exitCode == 0) }
      let outcome = try compose("2*a", adapter: "out-2", to: "out", ["--overwrite"], in: folder)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
    }
  }

  @Test func whatASearchWroteGivesWay() throws {
    try withTemporaryFolder { folder in
      #expect(try compose("a", to: "out", in: folder).exitCode == 0)
      for name in ["search.json", "search.svg", "README.md"] {
        _ = try CommandFixture.write("old", name, in: folder.appending(path: "out"))
      }
      let outcome = try compose("2*a", to: "out", ["--overwrite"], in: folder)
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "out").path)
      #expect(names.sorted() == ["adapter_config.json", "adapter_model.safetensors", "composition.json"])
    }
  }

  @Test func theRecordSaysHowItWasMade() throws {
    try withTemporaryFolder { folder in
      #expect(try compose("-0.5*a", to: "out", in: folder).exitCode == 0)
      let data = try Data(contentsOf: folder.appending(path: "out/composition.json"))
      let record = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
      let terms = try #require(record["terms"] as? [[String: Any]])
      #expect(record["operator"] as? String == "add" && terms.count == 1)
      #expect(terms[0]["adapter"] as? String == "a" && terms[0]["weight"] as? Double == -0.5)
    }
  }

  @Test func anOutputBelowAFileIsRefused() throws {
    try withTemporaryFolder { folder in
      _ = try CommandFixture.write("text", "file", in: folder)
      let outcome = try compose("a", to: "file/new/out", in: folder)
      #expect(outcome.exitCode == 2)
      let message = outcome.messages.first ?? ""
      #expect(message.hasPrefix("polyad: --output file/new/out cannot be written: "))
      #expect(message.hasSuffix("/file is a file") && outcome.messages.count == 1)
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may write everywhere"), arguments: [[], ["--overwrite"]])
  func anOutputInAFolderThatTakesNothingIsRefused(options: [String]) throws {
    try withTemporaryFolder { folder in
      let place = folder.appending(path: "closed")
      try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      if !options.isEmpty { #expect(try compose("a", to: "closed/out", in: folder).exitCode == 0) }
      chmod(place.path, 0o555)
      defer { chmod(place.path, 0o755) }
      let outcome = try compose("a", to: "closed/out", options, in: folder)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages.first?.hasSuffix("/closed: Permission denied") == true, "\(outcome.standardError)")
    }
  }
}
