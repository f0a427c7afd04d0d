import Foundation
import TestSupport
import Testing

/// launch/slurm.sbatch, with a srun that runs mpirun on this host, or fails, and a scontrol that only tells.
struct SlurmScriptTests {
  /// The script's call in a folder that is both the project's and the run's.
  private func run(
    _ folder: LauncherFolder, srun: String, restart: Int = 0, verb: [String] = [], options: [String] = [],
    restarts: String = "1"
  ) throws -> PolyadProcess.Outcome {
    let tools = folder.training.file("tools")
    try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
    for (name, text) in [("srun", srun), ("scontrol", "echo \"scontrol $*\" >&2")] {
      let tool = tools.appending(path: name)
      try Data("#!/usr/bin/env bash\n\(text)\n".utf8).write(to: tool)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tool.path)
    }
    if !folder.training.exists("launch") {
      try FileManager.default.createSymbolicLink(
        atPath: folder.training.file("launch").path, withDestinationPath: LauncherFolder.root + "/launch")
    }
    return try folder.run(
      "launch/slurm.sbatch", verb + ["recipe.yaml"] + options,
      environment: [
        "PATH": tools.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? ""), "SLURM_JOB_ID": "7",
        "SLURM_CPUS_PER_TASK": "1", "SLURM_RESTART_COUNT": "\(restart)", "POLYAD_RESTARTS": restarts,
      ])
  }

  /// Leaves srun's own options out.
  private static let real = "while [[ $1 == --* ]]; do shift; done; exec \"$@\""

  @Test(arguments: [[], ["train"]]) func aFinishedRunEnds(verb: [String]) throws {
    try LauncherFolder.with { folder in
      let run = try run(folder, srun: Self.real, verb: verb)
      #expect(run.exitCode == 0 && !run.standardError.contains("scontrol"), "\(run.standardError)")
      #expect(folder.training.exists("run/adapter_model.safetensors"))
      #expect(!folder.training.exists("polyad-7.restarts"))
    }
  }

  @Test func aRunThatDidNotStartIsAFailure() throws {
    try LauncherFolder.with { folder in
      let run = try run(folder, srun: "exit 0", restarts: "0")
      #expect(run.exitCode == 5)
      #expect(
        run.standardError.contains(
          "slurm: ended with code 5: srun's code is 0, but \(folder.training.file("run").path) holds no finished run: "
            + "did its tasks start?; there is no checkpoint yet; go on with: sbatch launch/slurm.sbatch recipe.yaml "
            + "--resume\n"), "\(run.standardError)")
    }
  }

  @Test func anOlderRunThatIsFinishedIsNotTheJobs() throws {
    try LauncherFolder.with { folder in
      _ = try folder.training.trained(ranks: 1, as: "run")
      let run = try run(folder, srun: "exit 0", options: ["--overwrite"], restarts: "0")
      #expect(run.exitCode == 5)
      #expect(
        run.standardError.contains(
          "slurm: ended with code 5: srun's code is 0, but \(folder.training.file("run").path) holds no finished run: "
            + "did its tasks start?; newest checkpoint: run/checkpoint-"), "\(run.standardError)")
    }
  }

  @Test func aStopWithoutProgressCountsAsAFailure() throws {
    try LauncherFolder.with { folder in
      let first = try run(folder, srun: "exit 75")
      #expect(first.exitCode == 75 && first.standardError.contains("scontrol requeue 7"), "\(first.standardError)")
      let second = try run(folder, srun: "exit 75", restart: 1)
      #expect(
        second.standardError.contains(
          "slurm: stopped twice at its start: the job's time is too short to get further; 1 of 1 such starts\n"
            + "slurm: stopped by a signal after saving: back into the queue\nscontrol requeue 7\n"),
        "\(second.standardError)")
      let third = try run(folder, srun: "exit 75", restart: 2)
      #expect(third.exitCode == 75, "\(third.standardError)")
      #expect(third.standardError.contains("; no such start is left\n"), "\(third.standardError)")
      #expect(!third.standardError.contains("scontrol") && !folder.training.exists("polyad-7.restarts"))
    }
  }

  /// The job goes on, as one that has not failed yet, and does not begin anew with --overwrite.
  @Test func aMemoryThatIsCutOffEndsNothing() throws {
    try LauncherFolder.with { folder in
      _ = try folder.training.trained(ranks: 1, as: "run")
      try Data().write(to: folder.training.file("polyad-7.restarts"))
      let run = try run(folder, srun: "echo \"$*\" >&2; exit 137", restart: 1, options: ["--overwrite"])
      #expect(run.exitCode == 5)
      #expect(run.standardError.contains("train recipe.yaml --resume\n"), "\(run.standardError)")
      #expect(run.standardError.contains("slurm: restart 1 of 1 after code 5 "), "\(run.standardError)")
    }
  }

  @Test func aLostRankGoesBackIntoTheQueueSoManyTimes() throws {
    try LauncherFolder.with { folder in
      let whole = try folder.training.trained(ranks: 1, as: "whole")
      let first = try run(folder, srun: "exit 137", options: ["--overwrite"])
      #expect(first.exitCode == 5)
      #expect(
        first.standardError.contains(
          "slurm: restart 1 of 1 after code 5 (ended by signal 9): back into the queue\nscontrol requeue 7\n"),
        "\(first.standardError)")
      // A preemption counts for nothing.
      let preempted = try run(folder, srun: "exit 75", restart: 1, options: ["--overwrite"])
      #expect(preempted.exitCode == 75 && preempted.standardError.contains("scontrol requeue 7"))
      let second = try run(folder, srun: "exit 137", restart: 2, options: ["--overwrite"])
      #expect(second.exitCode == 5 && !second.standardError.contains("scontrol"), "\(second.standardError)")
      #expect(!folder.training.exists("polyad-7.restarts"))
      let last = try run(folder, srun: Self.real, restart: 0, options: ["--overwrite"])
      #expect(last.exitCode == 0, "\(last.standardError)")
      #expect(try folder.training.weights(of: "run") == whole)
    }
  }

  @Test func aRecipeThatIsWrongIsNotQueuedAgain() throws {
    try LauncherFolder.with { folder in
      let run = try run(folder, srun: Self.real, options: ["--set", "nonsense=1"])
      #expect(run.exitCode == 2 && !run.standardError.contains("scontrol"), "\(run.standardError)")
    }
  }
}
