import Foundation
import TestSupport
import Testing

/// What a run does when ranks are lost, late or asked to stop at any time.
struct LostRankTests {
  @Test(arguments: [0, 1]) func aStoppedRankEndsTheRunWhichGoesOnToTheSameBytes(rank: Int) throws {
    try TrainFolder.with { folder in
      let run = try folder.start(ranks: 2, ["max_steps=1000000", "hang_timeout=2"])
      #expect(run.waits { folder.exists("run/checkpoint-10") })
      kill(run.rankProcesses[rank], SIGSTOP)
      let stopped = try run.wait(timeout: 30)
      #expect(stopped.exitCode == 5, "\(stopped.standardError)")
      let text = stopped.messages.joined(separator: "\n")
      #expect(text.contains("rank \(rank) of 2 on "))
      #expect(text.contains("has given no sign of life"))
      #expect(text.contains("The last good checkpoint is \(folder.file("run/checkpoint-").path)"))
      if rank == 1 {
        #expect(text.contains("the job ends after 2.0 s (hang_timeout)"))
        #expect(text.contains("last heard"))
        let log = try String(contentsOf: folder.file("run/train.log"), encoding: .utf8)
        #expect(log.contains("has given no sign of life"))
      }

      let newest = try FileManager.default.contentsOfDirectory(atPath: folder.file("run").path)
        .compactMap { $0.hasPrefix("checkpoint-") ? Int($0.dropFirst(11)) : nil }.max()
      let length = "max_steps=\(try #require(newest) + 4)"
      let resumed = try folder.train(ranks: 3, [length], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", [length]))
    }
  }

  @Test func aRankThatPausesChangesNothing() throws {
    try TrainFolder.with { folder in
      let whole = try folder.trained(ranks: 1, as: "whole", ["max_steps=300"])
      let run = try folder.start(ranks: 2, ["max_steps=300", "hang_timeout=6"])
      #expect(run.waits { folder.steps().count >= 2 })
      let rank = run.rankProcesses[1]
      kill(rank, SIGSTOP)
      usleep(2_500_000)
      kill(rank, SIGCONT)
      let outcome = try run.wait()
      #expect(outcome.exitCode == 0, "\(outcome.standardError)")
      #expect(outcome.standardError.contains("is heard again"))
      #expect(try folder.weights(of: "run") == whole)
    }
  }

  @Test(arguments: [SIGTERM, SIGUSR1, SIGHUP]) func aSignalInTheFirstMomentsSavesAndStops(signal: Int32) throws {
    try TrainFolder.with { folder in
      for delay: UInt32 in [60, 150, 300] {
        let run = try folder.start(ranks: 1, ["max_steps=1000000"], options: ["--overwrite"])
        usleep(delay * 1000)
        run.signal(signal)
        let outcome = try run.wait()
        // Before the program's first line the signal is the system's; a loaded machine may be that slow.
        #expect([75, signal].contains(outcome.exitCode), "\(delay) ms: \(outcome.exitCode) \(outcome.standardError)")
        if delay == 300 { #expect(outcome.exitCode == 75, "\(outcome.standardError)") }
      }
    }
  }

  /// A handler on the thread that computes lost the heap's order in four of ten runs: matrix kernels move the stack
  /// pointer.
  @Test func signalsInTheMidstOfKernelsHarmNothing() throws {
    try TrainFolder.with { folder in
      folder.recipe["model_name_or_path"] = "builtin:tiny"
      folder.recipe["max_seq_length"] = "64"
      folder.recipe["max_target_length"] = "16"
      folder.recipe["train_batch_size"] = "32"
      folder.recipe["tasks"] = "[{name: reverse, format: jsonl, train: 'builtin:reverse'}]"
      for name in ["first", "second", "third"] {
        let run = try folder.start(ranks: 1, ["max_steps=1000000", "output_dir=\(name)"])
        #expect(run.waits { folder.steps(of: name).count >= 3 })
        for _ in 0..<200 {
          run.signal(SIGUSR1)
          usleep(200)
        }
        let outcome = try run.wait()
        #expect(outcome.exitCode == 75, "\(outcome.exitCode) \(outcome.standardError)")
      }
    }
  }

  @Test func oneErrorIsToldOnce() throws {
    try TrainFolder.with { folder in
      let outcome = try folder.train(ranks: 3, ["model_name_or_path=nowhere"])
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1, "\(outcome.standardError)")
      #expect(outcome.messages.first?.hasPrefix("polyad: rank 0 of 3 on ") == true)
    }
  }

  @Test(arguments: ["-1", "0.5", "soon"]) func aTimeLimitThatIsNoneIsRefused(value: String) throws {
    try TrainFolder.with { folder in
      let outcome = try folder.train(ranks: 1, ["hang_timeout=\(value)"])
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages.count == 1 && outcome.messages[0].contains("`hang_timeout`"), "\(outcome.standardError)")
    }
  }
}
