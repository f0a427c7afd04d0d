import Foundation
import TestSupport
import Testing

/// `verify` trains a few steps on several ranks and compares what they write.
struct VerifyTests {
  /// Runs `verify` with an mpirun that does `lines` of shell in each rank, before the program starts there.
  private func verify(
    _ folder: TrainFolder, _ options: [String], rankLines lines: String? = nil
  ) throws -> PolyadProcess.Outcome {
    try folder.writeRecipe()
    var environment: [String: String] = [:]
    if let lines {
      let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
      let script = """
        #!/bin/bash
        PATH=\(path) words=()
        for word in "$@"; do
          if [[ $word == "\(PolyadProcess.executable.path)" ]]; then words+=(bash -c '\(lines); exec "$@"' bash); fi
          words+=("$word")
        done
        exec mpirun "${words[@]}"
        """
      let launcher = folder.file("bin/mpirun")
      try FileManager.default.createDirectory(at: folder.file("bin"), withIntermediateDirectories: true)
      try Data(script.utf8).write(to: launcher)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: launcher.path)
      environment["PATH"] = folder.file("bin").path + ":" + path
    }
    return try PolyadProcess.run(["verify", "recipe.yaml"] + options, in: folder.url, environment: environment)
  }

  private func report(_ outcome: PolyadProcess.Outcome) throws -> (agree: Bool, runs: [[String: Any]]) {
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
    return (try #require(object["agree"] as? Bool), try #require(object["runs"] as? [[String: Any]]))
  }

  /// Each number of ranks from the start, and each from the half of the other, beside the training of the same steps.
  @Test func ranksAndResumptionWriteTheSameBytes() throws {
    try TrainFolder.with { folder in
      let outcome = try verify(folder, ["--ranks", "1,2", "--json", "--output", "kept"])
      try #require(outcome.exitCode == 0, "\(outcome.standardError)")
      let (agree, runs) = try report(outcome)
      #expect(agree && runs.count == 4 && runs.allSatisfy { $0["agrees"] as? Bool == true })
      #expect(runs.map { $0["ranks"] as? Int } == [1, 2, 1, 2])
      let resumed = runs.map { ($0["resumed_from"] as? [String: Int])?["ranks"] }
      #expect(resumed == [nil, nil, 2, 1])
      let digests = try #require(runs[0]["sha256"] as? [String: String])
      #expect(digests.keys.sorted() == ["adapter_model.safetensors", "optimizer.safetensors"])
      // The last run went on from a step that it did not make itself.
      #expect(folder.steps(of: "kept/resumed-1") == [1, 2, 3, 4])
      #expect(!folder.exists("run"))
      // The learning rate of this recipe does not depend on its length.
      _ = try folder.train(ranks: 1, ["max_steps=4"])
      #expect(try folder.weights(of: "run") == folder.weights(of: "kept/start-0"))
    }
  }

  #if arch(x86_64)
    /// Ranks that notice themselves that one has other kernels end with code 5.
    @Test func aRankWithOtherKernelsIsFound() throws {
      try TrainFolder.with { folder in
        let outcome = try verify(
          folder, ["--ranks", "1,2"],
          rankLines: "if ((OMPI_COMM_WORLD_RANK == 1)); then export POLYAD_CORETYPE=NEHALEM POLYAD_MATMUL=openblas; fi")
        #expect(outcome.exitCode == 5)
        #expect(outcome.standardOutput.contains("failed"))
        #expect(outcome.standardError.contains("polyad: 2 of 3 runs of 4 steps did not write the bytes of the others."))
        #expect(
          outcome.standardError.contains("2 rank(s) of 1 thread(s) from the start, against 1 rank(s) of 1 thread(s)"))
        #expect(outcome.standardError.contains("what computes fp32 products is OpenBLAS (Nehalem)"))
      }
    }

    /// Two ranks that are alike, and unlike the one that trains alone: only their bytes tell.
    @Test func aJobWithOtherKernelsIsFound() throws {
      try TrainFolder.with { folder in
        let outcome = try verify(
          folder, ["--ranks", "1,2", "--json"],
          rankLines: "if ((OMPI_COMM_WORLD_SIZE == 2)); then export POLYAD_CORETYPE=NEHALEM POLYAD_MATMUL=openblas; fi")
        #expect(outcome.exitCode == 5)
        let (agree, runs) = try report(outcome)
        #expect(!agree && runs.map { $0["agrees"] as? Bool } == [true, false, false, false])
        let text = outcome.standardError
        #expect(
          text.contains("2 rank(s) of 1 thread(s) from the start, against 1 rank(s) of 1 thread(s) from the start"))
        #expect(text.contains("products: OpenBLAS (Nehalem)"))
      }
    }
  #endif

  @Test func faultsOfTheCallAreOneLine() throws {
    try TrainFolder.with { folder in
      for (options, text) in [
        (["--ranks", "1,6"], "6 ranks cannot share 5 micro-batches"),
        (["--ranks", "0"], "give whole numbers above 0 with commas between them"),
        (["--steps", "1"], "--steps must be at least 2: a run is resumed halfway"),
        (["--output", "model"], "--output model is there already and not empty"),
        (["--hostfile", "none"], "no hostfile none"),
      ] {
        let outcome = try verify(folder, options)
        #expect(outcome.exitCode == 2, "\(options)")
        #expect(outcome.messages.count == 1 && outcome.messages[0].contains(text), "\(outcome.standardError)")
      }
    }
  }
}
