import Foundation
import TestSupport
import Testing

/// launch/local and launch/cluster: signals, exit codes, restarts, the check of hosts.
struct LauncherTests {
  private static let long = ["recipe.yaml", "--set", "max_steps=1000000"]

  @Test func everyCodeBecomesOneOfTheProgram() throws {
    try LauncherFolder.with { folder in
      let own = ["0", "2", "3", "4", "5", "75"]
      let others = ["1", "130", "131", "137", "138", "139", "143", "205", "255"]
      let codes = (own + others).joined(separator: " ")
      let result = try folder.shell(["ending"], "for code in \(codes); do launcher_code $code; done")
      #expect(result.output.split(separator: "\n").map(String.init) == own + others.map { _ in "5" })
    }
  }

  /// HUP is what a terminal sends that closes.
  @Test(arguments: [SIGHUP, SIGTERM, SIGUSR1]) func aSignalSavesAndStops(signal: Int32) throws {
    try LauncherFolder.with { folder in
      let run = try folder.start("launch/local -n 2", Self.long)
      #expect(run.waits { folder.training.exists("run/checkpoint-10") })
      run.signal(signal)
      let stopped = try run.wait()
      #expect(stopped.exitCode == 75, "\(stopped.standardError)")
      let step = try #require(folder.training.steps().last)
      #expect(
        stopped.standardError.contains(
          "local: stopped by a signal; newest checkpoint: run/checkpoint-\(step); go on with: "
            + "\(LauncherFolder.root)/launch/local -n 2 recipe.yaml --set max_steps=1000000 --resume\n"),
        "\(stopped.standardError)")
    }
  }

  /// Before ranks can take signals, and while they start. Where not all had started, a word says so.
  @Test(arguments: [0, 0.05, 0.1, 0.2, 0.4, 0.7]) func anEarlySignalIsNotLost(seconds: Double) throws {
    try LauncherFolder.with { folder in
      let run = try folder.start("launch/local -n 2", Self.long)
      #expect(run.waits { LauncherFolder.catchesSignals(run) })
      usleep(UInt32(seconds * 1e6))
      run.signal(SIGUSR1)
      let stopped = try run.wait()
      let isTold = stopped.exitCode == 5 && stopped.standardError.contains("stopped by a signal")
      #expect(stopped.exitCode == 75 || isTold, "\(stopped.exitCode): \(stopped.standardError)")
    }
  }

  @Test func aLostRankIsToldWithTheWayToGoOn() throws {
    try LauncherFolder.with { folder in
      let run = try folder.start("launch/local -n 2", Self.long)
      #expect(run.waits { folder.training.exists("run/checkpoint-10") })
      kill(try #require(LauncherFolder.ranks(below: run).last), SIGKILL)
      let ended = try run.wait()
      #expect(ended.exitCode == 5)
      let last = ended.standardError.split(separator: "\n").last ?? ""
      #expect(last.hasPrefix("local: ended with code 5: rank "), "\(ended.standardError)")
      #expect(last.contains("; newest checkpoint: run/checkpoint-") && last.hasSuffix(" --resume"))
    }
  }

  @Test func aLostRankIsStartedAgainToTheSameBytes() throws {
    try LauncherFolder.with { folder in
      let length = "max_steps=300"
      let whole = try folder.training.trained(ranks: 1, as: "whole", [length])
      _ = try folder.training.trained(ranks: 1, as: "run", ["max_steps=7"])  // which is to be replaced
      let run = try folder.start(
        "launch/local -n 2 --restarts 2", ["recipe.yaml", "--set", length, "--overwrite"])
      #expect(run.waits { folder.training.exists("run/checkpoint-20") })
      kill(try #require(LauncherFolder.ranks(below: run).first), SIGKILL)
      let ended = try run.wait()
      #expect(ended.exitCode == 0, "\(ended.standardError)")
      #expect(ended.standardError.contains("local: restart 1 of 2 in 0 s, after code 5 (rank "))
      #expect(ended.standardError.contains("resumed from"))
      #expect(try folder.training.weights(of: "run") == whole)
      let log = try String(contentsOf: folder.training.file("run/train.log"), encoding: .utf8)
      #expect(log.contains(" restart 1 of 2 after code 5 (rank "), "\(log)")
    }
  }

  /// A run that dies before it begins in its folder must not go on from what another has left there.
  @Test func aRunThatNeverBeganStartsAsItWas() throws {
    try LauncherFolder.with { folder in
      let whole = try folder.training.trained(ranks: 1, as: "run")
      let ended = try folder.run(
        "launch/local -n 2 --restarts 1", ["recipe.yaml", "--overwrite"],
        environment: ["POLYAD_PROGRAM": try folder.failingOnce()])
      #expect(ended.exitCode == 0, "\(ended.standardError)")
      #expect(!ended.standardError.contains("resumed from"))
      #expect(try folder.training.weights(of: "run") == whole)
    }
  }

  @Test(arguments: [
    ("launch/local --restart 2", ["recipe.yaml"], "local: --restart is no option of this launcher; see "),
    ("launch/local", ["recipe.yaml", "--restarts", "1"], "local: --restarts goes before the recipe or verb\n"),
    (
      "launch/local --restarts 1", ["evaluate", "recipe.yaml"],
      "local: --restarts is for training; evaluate is run once\n"
    ),
    ("launch/cluster recipe.yaml", ["hosts"], "cluster: recipe.yaml looks like a recipe: the hostfile comes first\n"),
    ("launch/cluster hosts", ["recipe.yaml", "--restarts", "1"], "cluster: --restarts goes before the hostfile\n"),
  ])
  func optionsOutOfPlaceAreToldByTheLauncher(call: String, arguments: [String], text: String) throws {
    try LauncherFolder.with { folder in
      try Data("node1\n".utf8).write(to: folder.training.file("hosts"))
      let outcome = try folder.run(call, arguments)
      #expect(outcome.exitCode == 2 && outcome.standardError.hasPrefix(text), "\(outcome.standardError)")
    }
  }

  @Test(arguments: ["launch/local -n 2", "launch/cluster hosts"]) func aProgramThatIsNotThereIsNamed(call: String)
    throws
  {
    try LauncherFolder.with { folder in
      try Data("localhost\n".utf8).write(to: folder.training.file("hosts"))
      let outcome = try folder.run(call, ["recipe.yaml"], environment: ["POLYAD_PROGRAM": "/nowhere"])
      #expect(outcome.exitCode == 2)
      #expect(
        outcome.standardError.contains(
          "POLYAD_PROGRAM is /nowhere, which is no program here: leave it out, or name a build of polyad\n"),
        "\(outcome.standardError)")
    }
  }

  @Test func whatWouldNotChangeIsNotStartedAgain() throws {
    try LauncherFolder.with { folder in
      let bad = try folder.run("launch/local -n 2 --restarts 3", ["recipe.yaml", "--set", "nonsense=1"])
      #expect(bad.exitCode == 2 && !bad.standardError.contains("restart"), "\(bad.standardError)")
      let unknown = try folder.run("launch/local --restarts many", ["recipe.yaml"])
      #expect(unknown.exitCode == 2 && unknown.standardError.contains("local: --restarts many: expected how often"))
    }
  }

  @Test func aSignalEndsTheWaitForARestart() throws {
    try LauncherFolder.with { folder in
      let run = try folder.start(
        "launch/local -n 2 --restarts 2", Self.long, environment: ["POLYAD_RESTART_WAIT": "50"])
      #expect(run.waits { folder.training.exists("run/checkpoint-10") })
      kill(try #require(LauncherFolder.ranks(below: run).first), SIGKILL)
      #expect(run.waits { LauncherFolder.ranks(below: run).isEmpty })
      usleep(1_500_000)  // mpirun ends, and the pause begins
      run.signal(SIGTERM)
      let stopped = try run.wait(timeout: 20)
      #expect(stopped.exitCode == 75, "\(stopped.standardError)")
      #expect(stopped.standardError.contains("local: restart 1 of 2 in 50 s"))
    }
  }

  // MARK: launch/cluster, on this host alone

  @Test func aHostfileOfThisHostNeedsNoNetwork() throws {
    try LauncherFolder.with { folder in
      let whole = try folder.training.trained(ranks: 1, as: "whole")
      try Data("localhost slots=1\r\n127.0.0.1".utf8).write(to: folder.training.file("hosts"))
      let run = try folder.run("launch/cluster hosts", ["recipe.yaml"])
      #expect(run.exitCode == 0, "\(run.standardError)")
      #expect(run.standardError.contains("cluster: hosts: 1, ranks: 2"))
      #expect(try folder.training.weights(of: "run") == whole)
    }
  }

  @Test func whatAHostLacksIsToldBeforeAnythingStarts() throws {
    try LauncherFolder.with { folder in
      try Data("localhost slots=2\n".utf8).write(to: folder.training.file("hosts"))
      try FileManager.default.removeItem(at: folder.training.file("copy.jsonl"))
      let run = try folder.run("launch/cluster hosts", ["recipe.yaml"])
      #expect(run.exitCode == 5)
      #expect(
        run.standardError.contains(
          "cluster: localhost: \(folder.training.file("copy.jsonl").path) is not there or not readable\n"
            + "cluster: 1 of 1 hosts cannot take part; nothing was started\n"), "\(run.standardError)")
      #expect(!folder.training.exists("run"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder.training.url.path)
      #expect(!left.contains { $0.hasPrefix(".polyad-") }, "\(left)")
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh"), "needs ssh"))
  func aHostThatIsNotThereIsToldByName() throws {
    try LauncherFolder.with { folder in
      try Data("localhost slots=1\nno-such-host.invalid slots=1\n".utf8).write(to: folder.training.file("hosts"))
      let run = try folder.run("launch/cluster hosts", ["recipe.yaml"])
      #expect(run.exitCode == 5)
      #expect(run.standardError.contains("cluster: no-such-host.invalid: does not answer by ssh: "))
      #expect(run.standardError.contains("cluster: 1 of 2 hosts cannot take part; nothing was started\n"))
    }
  }
}

extension LauncherFolder {
  /// A program that is ended by a signal in the place of the first training, and the real one after that.
  fileprivate func failingOnce() throws -> String {
    let script = training.file("polyad")
    try Data(
      """
      #!/usr/bin/env bash
      if [[ " $* " != *" --paths "* && ! -e started.$OMPI_COMM_WORLD_RANK ]]; then
        touch started.$OMPI_COMM_WORLD_RANK
        kill -KILL $$
      fi
      exec \(PolyadProcess.executable.path) "$@"
      """.utf8
    ).write(to: script)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script.path)
    return script.path
  }
}
