import Foundation
import TestSupport
import Testing

@testable import polyad

/// How mpirun is started, seen by one that only notes what it is asked for.
struct RankedRunTests {
  /// Folders with an mpirun that writes its arguments and its hostfile to `calls`, and refuses to bind if asked to.
  private func withLauncher(
    binds: Bool = true, script: String = "",
    _ body: (_ variables: [String: String], _ calls: () -> [String]) throws -> Void
  ) throws {
    try withTemporaryFolder { folder in
      let calls = folder.appending(path: "calls"), launcher = folder.appending(path: "mpirun")
      let text = """
        #!/bin/bash
        for word in "$@"; do if [[ $last == --hostfile ]]; then echo "hosts: $(paste -sd ";" "$word")"; fi; last=$word; done \
        >>"\(calls.path)"
        echo "$*" >>"\(calls.path)"
        if [[ ${!#} == true && $* == *"--bind-to core"* ]]; then exit \(binds ? 0 : 1); fi
        \(script)
        """
      try Data(text.utf8).write(to: launcher)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: launcher.path)
      let path = folder.path + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "")
      try body(["PATH": path]) {
        let lines = (try? String(contentsOf: calls, encoding: .utf8)) ?? ""
        return lines.split(separator: "\n").map(String.init)
      }
    }
  }

  private func place(_ hosts: [(name: String, slots: Int, cores: Int)]) -> LaunchPlace {
    LaunchPlace(
      hosts: hosts.map { .init(host: .init(name: $0.name), slots: $0.slots, cores: $0.cores) }, path: "hosts")
  }

  @Test func oneRankOfThisHostIsBoundWhereThatWorks() throws {
    for (binds, options) in [
      (true, "--map-by slot:pe=1 --bind-to core"), (false, "--oversubscribe --bind-to none"),
    ] {
      try withLauncher(binds: binds, script: "echo out; echo $POLYAD_THREADS >&2; exit 3") { variables, calls in
        let run = try RankedRun(["metrics"], ranks: 1, threads: 1, variables: variables)
        let outcome = try run.run()
        #expect(outcome == .init(exitCode: 3, standardOutput: "out\n", standardError: "1\n"))
        #expect(calls().last == "-n 1 \(options) \(RankedRun.program) metrics")
        #expect((run.placement.note == nil) == binds)
      }
    }
  }

  @Test func hostsAreFilledInTheirOrderAndGetWhatTheyNeed() throws {
    try withLauncher { variables, calls in
      let hosts = place([("node1", 2, 4), ("node2.example.com", 2, 4), ("node3", 2, 4)])
      var variables = variables
      variables["POLYAD_NETWORK"] = "eth0"
      variables["OPENBLAS_CORETYPE"] = "HASWELL"
      let run = try RankedRun(["metrics"], ranks: 4, threads: 2, on: hosts, variables: variables)
      #expect(try run.run().exitCode == 0)
      #expect(calls().last { $0.hasPrefix("hosts: ") } == "hosts: node1 slots=2;node2.example.com slots=2")
      let call = try #require(calls().last)
      for words in [
        "-n 4 --hostfile ", "--map-by ppr:2:node:pe=2 --bind-to core", "--mca btl_tcp_if_include eth0",
        "--mca oob_tcp_if_include eth0", "--mca oob_tcp_keepalive_time 10", "--mca orte_keep_fqdn_hostnames 1",
        "--mca plm_rsh_args -o BatchMode=yes -o ConnectTimeout=10", "-x OPENBLAS_CORETYPE", "-x POLYAD_THREADS",
        "-x POLYAD_NETWORK",
      ] { #expect(call.contains(words), "\(call)") }
    }
  }

  /// Three ranks on hosts of two slots have no equal parts that could be bound by one rule.
  @Test func unequalPartsRunUnbound() throws {
    let hosts = try place([("node1", 2, 4), ("node2", 2, 4)]).filled(by: 3)
    let choices = try RankPlacement.choices(rankCount: 3, threadCount: 1, hosts: hosts, cores: 1)
    #expect(choices == [RankPlacement(options: ["--map-by", "slot", "--bind-to", "none"], note: nil)])
  }

  @Test func whatCannotBeStartedIsSaidInOneLine() throws {
    let hosts = place([("node1", 2, 2), ("node2", 1, 2)])
    #expect(throws: RankedRunError.fewSlots(rankCount: 4, slots: 3, path: "hosts")) { try hosts.filled(by: 4) }
    #expect(throws: RankedRunError.fewCores(place: "this host", rankCount: 2, threadCount: 2, cores: 3)) {
      try RankPlacement.choices(rankCount: 2, threadCount: 2, hosts: nil, cores: 3)
    }
    #expect(throws: RankedRunError.noLauncher) {
      try RankedRun(["metrics"], ranks: 1, threads: 1, variables: ["PATH": "/none"])
    }
    for (error, text) in [
      (.fewSlots(rankCount: 4, slots: 3, path: "hosts"), "4 ranks are more than the 3 slots of hosts: lower --ranks"),
      (
        .fewCores(place: "this host", rankCount: 2, threadCount: 2, cores: 3),
        "2 rank(s) of 2 threads need 4 cores, but this host has 3: lower --ranks or --threads"
      ),
      (.noLauncher, "mpirun is not on the PATH: install Open MPI"),
      (.unreachable(["node9 does not answer by ssh: no such host"]), "no such host; nothing was started"),
    ] as [(RankedRunError, String)] { #expect(error.description.contains(text)) }
  }

  @Test func aRunThatTakesTooLongIsEnded() throws {
    try withLauncher(script: "echo begun; exec sleep 60") { variables, _ in
      var run = try RankedRun(["metrics"], ranks: 1, threads: nil, variables: variables)
      run.timeLimit = 0.3
      let start = ContinuousClock.now
      #expect(throws: RankedRunError.timeLimit(seconds: 0.3, rankCount: 1)) { try run.run() }
      #expect(ContinuousClock.now - start < .seconds(20))
    }
  }

  @Test func theFirstLineOfTheProgramItselfIsTheReason() {
    let text =
      "[node1] noise\npolyad: ranks differ:\n  node2: one\n  node3: two\nremedy\npolyad: later\nmpirun: the end\n"
    #expect(RankedRun.reason(text) == "ranks differ: node2: one; node3: two")
    #expect(RankedRun.reason("one\n two\n---\n") == "two")
  }

  /// What a restart of the program has set is not the user's, and other hosts may have other processors.
  @Test func ranksInheritTheUsersEnvironment() {
    let own = [
      "POLYAD_GIVEN_CORETYPE": "", "OPENBLAS_CORETYPE": "SKYLAKEX", "PMIX_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2",
      "OMPI_MCA_btl": "self", "A": "b",
    ]
    #expect(RankedRun.environment(own) == ["OMPI_MCA_btl": "self", "A": "b"])
    let given = ["POLYAD_GIVEN_CORETYPE": "HASWELL", "OPENBLAS_CORETYPE": "SKYLAKEX"]
    #expect(RankedRun.environment(given) == ["OPENBLAS_CORETYPE": "HASWELL"])
  }
}
