import Foundation
import TestSupport
import Testing

/// A run folder is one job's at a time, and a job that is started again says so.
struct TrainLockTests {
  /// What a job says that is started on the folder of a running one.
  private func second(_ folder: TrainFolder, _ option: String) throws -> PolyadProcess.Outcome {
    try PolyadProcess(["train", "recipe.yaml", option], in: folder.url, isBeside: true).wait()
  }

  private func log(_ folder: TrainFolder) throws -> String {
    try String(contentsOf: folder.file("run/train.log"), encoding: .utf8)
  }

  @Test func aSecondJobIsRefusedAndTheFirstGoesOnToTheSameBytes() throws {
    try TrainFolder.with { folder in
      let run = try folder.start(ranks: 2, ["max_steps=1000000", "save_total_limit=2"])
      #expect(run.waits { folder.exists("run/checkpoint-10") })
      for option in ["--resume", "--overwrite"] {
        let second = try second(folder, option)
        #expect(second.exitCode == 2)
        let prefix = "polyad: output_dir \(folder.file("run").path) is in use by process \(run.rankProcesses[0]) on "
        #expect(second.messages.count == 1 && second.messages[0].hasPrefix(prefix), "\(second.standardError)")
        #expect(second.messages[0].contains(" (job ") && second.messages[0].contains(", which started 20"))
        #expect(
          second.messages[0].hasSuffix("Z: wait for it to end, stop it, or choose another output_dir"),
          "\(second.messages)")
      }
      let seen = folder.steps().count
      #expect(run.waits { folder.steps().count > seen })
      kill(run.rankProcesses[1], SIGTERM)
      let stopped = try run.wait()
      #expect(stopped.exitCode == 75, "\(stopped.standardError)")
      #expect(!folder.exists("run/run.lock"))

      let names = try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
      let step = try #require(names.compactMap { Int($0.trimmingPrefix("checkpoint-")) }.max())
      let resumed = try folder.train(["max_steps=\(step + 3)"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", ["max_steps=\(step + 3)"]))
      #expect(!folder.exists("run/run.lock") && folder.steps() == Array(1...step + 3))
      #expect(try !log(folder).contains("took over"))
    }
  }

  @Test func afterAKillTheNextJobGoesOnAtOnceAndSaysSo() throws {
    try TrainFolder.with { folder in
      let run = try folder.start(["max_steps=1000000"])
      #expect(run.waits { folder.exists("run/checkpoint-5") })
      let process = run.rankProcesses[0]
      kill(process, SIGKILL)
      _ = try run.wait()
      #expect(folder.exists("run/run.lock"))
      let step = try #require(folder.steps().last)
      let resumed = try folder.train(["max_steps=\(step + 4)"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(!resumed.standardError.contains("watching"))
      #expect(try log(folder).contains(" took over output_dir from process \(process) on "))
      #expect(try log(folder).contains(", which is gone\n"))
      #expect(!folder.exists("run/run.lock"))
    }
  }

  /// A lock alone is no run, and a job that is refused for another reason leaves none.
  @Test func aLockIsNoRunAndIsGivenBackOnAnError() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "run")
      #expect(!folder.exists("run/run.lock"))
      let refused = try folder.train()
      #expect(refused.exitCode == 2 && refused.messages.first?.contains("already holds a run") == true)
      #expect(!folder.exists("run/run.lock"))
      let killed = try folder.start(["output_dir=other", "max_steps=1000000", "save_steps=null"])
      #expect(killed.waits { folder.steps(of: "other").count > 1 })
      kill(killed.rankProcesses[0], SIGKILL)
      _ = try killed.wait()
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.file("other").path)
      where name != "run.lock" {
        try FileManager.default.removeItem(at: folder.file("other/\(name)"))
      }
      #expect(folder.exists("other/run.lock"))
      #expect(try folder.trained(ranks: 1, as: "other") == folder.weights(of: "run"))
    }
  }

  @Test func aJobWhoseFolderWasTakenOverEndsWithOneLine() throws {
    try TrainFolder.with { folder in
      let run = try folder.start(ranks: 2, ["max_steps=1000000", "save_steps=1000000"])
      #expect(run.waits { folder.steps().count > 2 })
      let record = """
        {"host": "node2", "pid": 17, "start_time": 1, "boot_id": "b", "pid_namespace": "p", "job": "9", "beat": 4,
         "when": "2026-01-02T03:04:05Z", "token": "t"}
        """
      try Data(record.utf8).write(to: folder.file("run/run.lock"), options: .atomic)
      let outcome = try run.wait()
      #expect(outcome.exitCode == 5)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(
        outcome.messages.first?.hasSuffix(
          "output_dir \(folder.file("run").path) was taken over by process 17 on node2 (job 9) while this job stood "
            + "still: it ends and writes nothing more there") == true, "\(outcome.messages)")
      #expect(try String(contentsOf: folder.file("run/run.lock"), encoding: .utf8) == record)
    }
  }

  @Test func aRestartIsSaidInTheLog() throws {
    try TrainFolder.with { folder in
      let text = "1 of 3 after code 5 (node2 is gone)"
      let outcome = try folder.train(["max_steps=2"], shell: "export POLYAD_RESTART=\"\(text)\"")
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      let lines = try log(folder).split(separator: "\n")
      #expect(lines.first?.hasSuffix("Z restart \(text)") == true)
      #expect(outcome.standardError.split(separator: "\n").contains("restart \(text)"))
      let second = try folder.train(["max_steps=3"], options: ["--resume"])
      #expect(second.exitCode == 0)
      #expect(try log(folder).split(separator: "\n").count { $0.contains("restart") } == 1)
    }
  }
}
