import Foundation
import Tensors
import TestSupport
import Testing

/// The number of ranks, and stops and starts, do not change what a run writes.
struct DistributedTrainingTests {
  static let adapters = [
    "{peft_type: LORA, r: 4, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
    "{peft_type: IA3, target_modules: [c_attn, mlp.c_proj], feedforward_modules: [mlp.c_proj]}",
    "{peft_type: FULL}",
  ]

  /// 2.5 epochs of three steps, the third with one example for five parts.
  @Test(arguments: adapters)
  func everyRankCountWritesTheSameBytes(adapter: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = adapter
      let alone = try folder.trained(ranks: 1, as: "alone")
      for ranks in 2...4 {
        #expect(try folder.trained(ranks: ranks, as: "run\(ranks)") == alone, "\(ranks) ranks")
      }
      #expect(folder.steps(of: "run2") == Array(1...8))
      let losses = folder.lines(of: "alone/metrics.jsonl").compactMap { $0["loss"] as? Double }
      #expect(losses.last! < losses.first!)
    }
  }

  /// A run may also go on with the other.
  @Test(arguments: adapters + ["{peft_type: MODE, r: 2, n_experts: 3, target_modules: [c_attn, c_fc]}"])
  func activationsComputedAgainGiveTheSameBytes(adapter: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = adapter
      let kept = try folder.trained(ranks: 2, as: "kept")
      #expect(try folder.trained(ranks: 2, as: "again", ["activation_checkpointing=true"]) == kept)
      _ = try folder.trained(ranks: 1, as: "both", ["activation_checkpointing=true", "max_steps=5"])
      let resumed = try folder.train(ranks: 1, ["output_dir=both", "max_steps=5"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
    }
  }

  /// Cores that this process may use by itself: threads that share one do not count.
  private static let coreCount = min(ProcessorCores.available.count, ProcessorCores.quota ?? .max)

  /// FULL has no frozen matrices to hold in bf16.
  private static let runs =
    adapters.map { (adapter: $0, precision: "fp32") }
    + adapters.filter { !$0.contains("FULL") }.map { (adapter: $0, precision: "bf16") }

  @Test(.enabled(if: coreCount > 1, "needs two cores"), arguments: runs)
  func everyThreadCountWritesTheSameBytes(run: (adapter: String, precision: String)) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = run.adapter
      folder.recipe["precision"] = run.precision
      let files = try [1, 2].map { threads in
        let outcome = try folder.train(options: ["--overwrite"], shell: "export POLYAD_THREADS=\(threads)")
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("1 rank(s) of \(threads) thread(s)"))
        return try folder.weights(of: "run")
      }
      #expect(files[0] == files[1])
    }
  }

  @Test func sumsInBF16HaveTheSameBytesOnAnyNumberOfRanks() throws {
    try TrainFolder.with { folder in
      let precise = try folder.trained(ranks: 1, as: "fp32")
      let rounded = try (1...3).map {
        try folder.trained(ranks: $0, as: "bf16-\($0)", ["reduction_precision=bf16"])
      }
      #expect(Set(rounded).count == 1 && rounded[0] != precise)
    }
  }

  @Test func plainReductionGivesNearlyTheSame() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "ordered")
      _ = try folder.trained(ranks: 3, as: "plain", ["reduction=mpi"])
      let ordered = try TensorFile(folder.file("ordered/adapter_model.safetensors")).tensors
      let plain = try TensorFile(folder.file("plain/adapter_model.safetensors")).tensors
      for (name, tensor) in ordered {
        // The sums differ in their last bits (1e-7); Adam's first steps divide by gradients that may be small, which
        // costs some digits more over eight steps.
        #expect(TensorFile.distance(plain[name]!.values[...], tensor.values[...]) < 1e-3, "\(name)")
      }
    }
  }

  /// The signal goes to one rank alone, as a scheduler may send it.
  @Test(arguments: [SIGTERM, SIGUSR1])
  func aRunThatASignalStoppedGoesOnWithMoreRanksToTheSameBytes(signal: Int32) throws {
    try TrainFolder.with { folder in
      folder.recipe["logging_steps"] = "3"
      let run = try folder.start(ranks: 2, ["max_steps=1000000", "save_steps=null"])
      #expect(run.waits { folder.steps().count >= 2 })
      kill(run.rankProcesses[1], signal)
      let stopped = try run.wait()
      #expect(stopped.exitCode == 75, "\(stopped.standardError)")
      #expect(stopped.standardError.contains("stopped by a signal at step"))
      #expect(!folder.exists("run/adapter_model.safetensors"))
      let step = try #require(try checkpoints(of: folder).last)
      let length = "max_steps=\(step + 5)"

      let resumed = try folder.train(ranks: 3, [length], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(resumed.standardError.contains("at step \(step) of \(step + 5)"))
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", [length]))
      // Each line once, with the same loss, though the stop fell between two lines.
      #expect(folder.steps() == folder.steps(of: "unbroken"))
      #expect(losses(of: "run", folder) == losses(of: "unbroken", folder))
    }
  }

  @Test func aKilledRunGoesOnFromItsNewestCheckpoint() throws {
    try TrainFolder.with { folder in
      let run = try folder.start(ranks: 2, ["max_steps=1000000"])
      #expect(run.waits { folder.exists("run/checkpoint-10") })
      kill(run.rankProcesses[1], SIGKILL)
      let killed = try run.wait()
      #expect(killed.exitCode != 0 && killed.exitCode != -1, "\(killed.standardError)")

      let step = try #require(try checkpoints(of: folder).last)
      let resumed = try folder.train(ranks: 3, ["max_steps=\(step + 4)"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(folder.steps() == Array(1...step + 4))
      #expect(
        try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", ["max_steps=\(step + 4)"]))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
      #expect(!left.contains { $0.contains(".polyad-") }, "\(left)")
    }
  }

  @Test func aDamagedCheckpointGivesWayToTheOneBefore() throws {
    try TrainFolder.with { folder in
      let whole = try folder.trained(ranks: 1, as: "run", ["save_steps=3"])
      for damage in [damageByte, truncate, removeManifest] {
        try damage(folder.file("run/checkpoint-8"))
        let outcome = try folder.train(ranks: 2, ["save_steps=3"], options: ["--resume"])
        #expect(outcome.exitCode == 0, "\(outcome.standardError)")
        #expect(outcome.standardError.contains("checkpoint-8 is not used: "))
        #expect(outcome.standardError.contains("Falling back to checkpoint-6."))
        #expect(outcome.standardError.contains("resumed from \(folder.file("run/checkpoint-6").path) at step 6 of 8"))
        #expect(try folder.weights(of: "run") == whole)
        #expect(folder.steps() == Array(1...8))
        let log = try String(contentsOf: folder.file("run/train.log"), encoding: .utf8)
        #expect(log.contains("checkpoint-8 is not used: "))
      }
    }
  }

  @Test func aRunWithoutAGoodCheckpointStartsAnew() throws {
    try TrainFolder.with { folder in
      let whole = try folder.trained(ranks: 1, as: "run", ["save_steps=null"])
      try truncate(folder.file("run/checkpoint-8"))
      let outcome = try folder.train(ranks: 2, ["save_steps=null"], options: ["--resume"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("No older checkpoint is left."))
      #expect(outcome.standardError.contains("holds no good checkpoint; starting at step 0"))
      #expect(try folder.weights(of: "run") == whole)
      #expect(folder.steps() == Array(1...8))
      let misspelt = try folder.train(ranks: 1, ["output_dir=runn", "max_steps=1"], options: ["--resume"])
      #expect(misspelt.standardError.contains("runn holds no run to resume; starting at step 0"))
    }
  }

  @Test func resumingAFinishedRunChangesNothing() throws {
    try TrainFolder.with { folder in
      let whole = try folder.trained(ranks: 1, as: "run")
      let outcome = try folder.train(ranks: 2, options: ["--resume"])
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(try folder.weights(of: "run") == whole)
      #expect(folder.steps() == Array(1...8))
    }
  }

  /// A shared window's release waits for all ranks, so an error on one of them must not come to it.
  @Test func aSaveThatFailsOnRankZeroEndsTheJob() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = "{peft_type: FULL}"
      folder.recipe["init_weights"] = "random"
      let whole = try folder.trained(ranks: 1, as: "run", ["max_steps=5"])
      try Data().write(to: folder.file("run/checkpoint-8"))
      let outcome = try folder.train(ranks: 3, options: ["--resume"])
      #expect(outcome.exitCode == 5)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(outcome.messages[0].contains("saving \(folder.file("run/checkpoint-8").path) failed: "))
      #expect(outcome.messages[0].contains("The last good checkpoint is \(folder.file("run/checkpoint-5").path)"))
      #expect(try folder.weights(of: "run") == whole)
    }
  }

  private func checkpoints(of folder: TrainFolder) throws -> [Int] {
    try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
      .filter { $0.hasPrefix("checkpoint-") }.compactMap { Int($0.dropFirst("checkpoint-".count)) }.sorted()
  }

  private func losses(of output: String, _ folder: TrainFolder) -> [Double] {
    folder.lines(of: "\(output)/metrics.jsonl").compactMap { $0["loss"] as? Double }
  }

  private func damageByte(in checkpoint: URL) throws {
    let file = checkpoint.appending(path: "optimizer.safetensors")
    var bytes = try Data(contentsOf: file)
    bytes[bytes.count - 5] ^= 1
    try bytes.write(to: file)
  }

  private func truncate(_ checkpoint: URL) throws {
    let file = checkpoint.appending(path: "adapter_model.safetensors")
    try Data(contentsOf: file).dropLast(1).write(to: file)
  }

  private func removeManifest(of checkpoint: URL) throws {
    try FileManager.default.removeItem(at: checkpoint.appending(path: "manifest.json"))
  }
}
