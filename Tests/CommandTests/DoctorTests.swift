import Foundation
import Tensors
import TestSupport
import Testing

@testable import polyad

/// `polyad doctor` on this host: faults that one host can show, planted for real.
@Suite(.serialized)
struct DoctorTests {
  private struct Report: Decodable {
    struct Finding: Decodable {
      let kind, effect, fault, remedy: String
      let hosts: [String]
    }

    struct Job: Decodable {
      struct Reduction: Decodable {
        let seconds: Double
      }

      let reduction: Reduction?
    }

    let findings: [Finding]
    let job: Job?

    func fault(_ kind: String) -> Finding? { findings.first { $0.kind == kind } }
  }

  private func report(_ outcome: PolyadProcess.Outcome) throws -> Report {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(outcome.standardOutput.utf8))
  }

  /// Runs it on a small recipe.
  private func examine(
    _ options: [String] = [], ranks: Int = 1, environment: [String: String] = [:], shell: String? = nil,
    rankShell: String? = nil, prepare: (TrainFolder) throws -> Void = { _ in }
  ) throws -> (outcome: PolyadProcess.Outcome, report: Report) {
    var result: (PolyadProcess.Outcome, Report)?
    try TrainFolder.with { folder in
      try folder.writeRecipe()
      try prepare(folder)
      let outcome = try PolyadProcess.run(
        ["doctor", "recipe.yaml", "--json"] + options, ranks: ranks, in: folder.url, environment: environment,
        shell: shell, rankShell: rankShell)
      result = (outcome, try report(outcome))
    }
    return try #require(result)
  }

  /// Five faults at once, each of which has its own finding, kind and host, and code 5.
  @Test func plantedFaultsAreFound() throws {
    let (outcome, report) = try examine(
      ["--ranks", "2", "--set", "output_dir=recipe.yaml/run"], environment: ["POLYAD_CORETYPE": "HASWELL"],
      shell: "taskset -p -c 0 $$ >/dev/null"
    ) { folder in
      let tomorrow = Date.now.addingTimeInterval(86_400)
      try FileManager.default.setAttributes(
        [.modificationDate: tomorrow], ofItemAtPath: folder.file("recipe.yaml").path)
    }
    #expect(outcome.exitCode == 5)
    #expect(outcome.messages.count == 1 && outcome.messages[0].contains("finding(s), "), "\(outcome.standardError)")
    if MatrixLibrary.processorHasAVX512 {
      let finding = try #require(report.fault("core_type"))
      #expect(finding.fault.hasPrefix("OpenBLAS computes with its Haswell kernels, which leave the AVX-512 of "))
      #expect(finding.remedy == "Unset POLYAD_CORETYPE=HASWELL")
    }
    if ProcessorCores.present.count > 1 {
      let finding = try #require(report.fault("binding"))
      #expect(finding.fault.contains("bound to 1 of the host's \(ProcessorCores.present.count) cores"))
    }
    let crowd = try #require(report.fault("oversubscribed"))
    #expect(crowd.fault == "2 rank(s) of 1 thread(s) on 1 core(s)" || crowd.fault.contains("other processes"))
    let clock = try #require(report.fault("clock"))
    #expect(clock.effect == "misleads" && clock.fault.contains("recipe.yaml was last changed"))
    let output = try #require(report.fault("output"))
    #expect(output.effect == "stops" && output.fault.contains("recipe.yaml: Not a directory)"), "\(output.fault)")
    #expect(report.job?.reduction != nil, "ranks that take turns were started all the same")
  }

  @Test func threadsThatHaveNoCoresStopARun() throws {
    let threads = ProcessorCores.available.count + 1
    let (outcome, report) = try examine(["--ranks", "2"], environment: ["POLYAD_THREADS": "\(threads)"])
    #expect(outcome.exitCode == 5)
    let finding = try #require(report.fault("oversubscribed"))
    #expect(finding.effect == "stops" && finding.fault.hasPrefix("2 rank(s) of \(threads) thread(s) on "))
    #expect(finding.remedy.hasPrefix("Set POLYAD_THREADS="))
    #expect(report.job == nil)
  }

  @Test func aMissingFileOfATaskIsNamed() throws {
    let (outcome, report) = try examine(["--set", "tasks.0.train=gone.jsonl", "--ranks", "1"])
    #expect(outcome.exitCode == 5)
    let finding = try #require(report.fault("data"))
    #expect(finding.fault.contains("training data of task add is missing") && finding.fault.contains("gone.jsonl"))
  }

  /// What mpirun, or what is between it and the ranks, has bound is seen from within.
  @Test func underMpirunItLooksAtTheJobAsItIs() throws {
    let (outcome, report) = try examine(ranks: 2, rankShell: "taskset -p -c 0 $$ >/dev/null")
    #expect(outcome.exitCode == 5)
    #expect(report.job?.reduction?.seconds ?? 0 > 0, "\(outcome.standardError)")
    #expect(report.fault("oversubscribed")?.fault == "2 rank(s) of 1 thread(s) on 1 core(s)")
    if ProcessorCores.present.count > 1 {
      let finding = try #require(report.fault("binding"))
      #expect(finding.fault == "2 rank(s) are bound to 1 of the host's \(ProcessorCores.present.count) cores")
    }
  }

  // MARK: Bad input

  private func message(_ arguments: [String], ranks: Int = 1, in folder: URL) throws -> (code: Int32, text: String) {
    let outcome = try PolyadProcess.run(["doctor"] + arguments, ranks: ranks, in: folder)
    #expect(outcome.messages.count == 1 && outcome.standardOutput.isEmpty, "\(outcome.standardError)")
    return (outcome.exitCode, outcome.messages.first ?? "")
  }

  @Test func badInputIsALineWithWhatToDo() throws {
    try withTemporaryFolder { folder in
      let hosts = try CommandFixture.write("node1 slot=2\n", "hosts", in: folder)
      for (arguments, text) in [
        (["--ranks", "0"], "--ranks must be 1 or more"),
        (["--ranks", "2", "--hostfile", hosts], "--ranks is for this host: a hostfile has slots"),
        (["--set", "seed=1"], "--set is for a recipe, and none is given"),
        (["--hostfile", "none"], "no hostfile none; hostfiles/example shows how to write one."),
        (["--hostfile", hosts], "\"slot\" is nothing that Open MPI 4.1 knows in a hostfile"),
        (["none.yaml"], "none.yaml"),
        (["--probe"], "--probe takes a request as its input"),
      ] {
        let (code, message) = try message(arguments, in: folder)
        #expect(code == 2 && message.contains(text), "\(arguments): \(message)")
      }
      let (code, inside) = try message(["--hostfile", hosts], ranks: 2, in: folder)
      #expect(code == 2 && inside.contains("leave --hostfile out, or mpirun"), "\(inside)")
    }
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/ssh")))
  func aHostThatIsGoneIsNamed() throws {
    try withTemporaryFolder { folder in
      let hosts = try CommandFixture.write("gone.invalid slots=1\n", "hosts", in: folder)
      let outcome = try PolyadProcess.run(["doctor", "--hostfile", hosts], in: folder)
      #expect(outcome.exitCode == 5)
      #expect(
        outcome.standardOutput.contains("1. stops: gone.invalid: does not answer by ssh: "), "\(outcome.standardOutput)"
      )
    }
  }

  // MARK: Answers

  @Test func answersOfHostsAreRead() {
    func answer(_ code: Int32, _ output: String = "", _ error: String = "") -> HostQuestion.Answer {
      HostQuestion.answer(.init(exitCode: code, standardOutput: output, standardError: error), start: 100, end: 101)
    }
    #expect(answer(255, "", "ssh: No route to host\n") == .fault(.silent(reason: "ssh: No route to host")))
    #expect(answer(91) == .fault(.noProgram(path: RankedRun.program)))
    #expect(answer(2, "clock 1\n", "polyad: no verb doctor") == .fault(.otherProgram(reason: "polyad: no verb doctor")))
    #expect(answer(127, "", "libmpi.so: cannot open") == .fault(.failed(reason: "libmpi.so: cannot open")))
    #expect(answer(132) == .fault(.failed(reason: "signal 4 ends it")))
    #expect(answer(0, "clock 1\n{}\n") == .fault(.otherProgram(reason: "it answers in another form")))
  }

  @Test func theHostsShellTellsItsClockAndStartsTheProgram() throws {
    try withTemporaryFolder { folder in
      let program = try CommandFixture.write(
        "#!/bin/sh\necho \"$* with $POLYAD_NETWORK and $OPENBLAS_CORETYPE in ${HOME-nothing}\"\n", "program", in: folder
      )
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
      let line = HostQuestion.line(["POLYAD_NETWORK": "eth0", "HOME": "/root", "OPENBLAS_CORETYPE": "it's"])
        .replacing(RankedRun.program, with: program)
      let outcome = try ChildProcess(
        command: ["/bin/sh", "-c", line], environment: ["PATH": "/usr/bin:/bin"]
      ).run()
      let lines = outcome.standardOutput.split(separator: "\n")
      #expect(outcome.exitCode == 0 && lines.count == 2, "\(outcome)")
      let clock = lines.first.flatMap { Double($0.dropFirst(6)) } ?? 0
      #expect(abs(clock - Date.now.timeIntervalSince1970) < 60)
      #expect(lines.last == "doctor --probe with eth0 and it's in nothing")
    }
  }
}
