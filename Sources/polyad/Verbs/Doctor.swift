import ArgumentParser
import Foundation
import MessagePassing
import Tensors
import Training

/// `polyad doctor`.
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Looks at hosts, and at what a recipe needs of them, before a run.",
    discussion: """
      Looks at this host or, with --hostfile, at all hosts at once, over ssh; then starts the ranks for some seconds \
      and measures their messages. Under mpirun it looks at that job as it is. It changes nothing. Exit code 5 if \
      anything was found, 0 otherwise.
      """)

  @Argument(help: "The recipe of the run, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?
  @Option(name: .customLong("set"), help: "Override a key of the recipe: --set adapter.r=4. May be repeated.")
  var overrides: [String] = []
  @Option(help: "The run's hosts, in Open MPI's syntax. Default: this host.", completion: .file())
  var hostfile: String?
  @Option(help: "Ranks on this host. Default: one for as many of its cores as have POLYAD_THREADS threads.")
  var ranks: Int?
  @Flag(help: "Print one JSON object.")
  var json = false
  /// Looks at this host as its input asks, and tells it on a line.
  @Flag(help: .hidden)
  var probe = false
  /// `BYTES,KIND`: what ranks measure together, on a line.
  @Option(help: .hidden)
  var job: String?

  func validate() throws {
    if let ranks, ranks < 1 { throw ValidationError("--ranks must be 1 or more") }
    if ranks != nil, hostfile != nil { throw ValidationError("--ranks is for this host: a hostfile has slots") }
    if recipe == nil, !overrides.isEmpty { throw ValidationError("--set is for a recipe, and none is given") }
  }

  mutating func run() throws {
    if probe { return try answer() }
    if let job { return try measure(job) }
    let found: Diagnosis?
    if ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] != nil {
      found = try RankedWork.run(diagnosis(of:))
    } else {
      StopSignal.install()
      let subject = try DoctorSubject(recipe: recipe, overrides: overrides)
      found = try HostExamination(subject, hostfile: hostfile, ranks: ranks).diagnosis()
    }
    guard let found else { return }
    let report = DoctorReport(diagnosis: found)
    if json { try CommandOutput.result(report.json) } else { try CommandOutput.result(report.text) }
    if !found.findings.isEmpty { throw DoctorFindings(findings: found.findings) }
  }

  /// The job of this mpirun as it is. Collective; nil on all ranks but the first.
  private func diagnosis(of ranks: Ranks) throws -> Diagnosis? {
    guard hostfile == nil, self.ranks == nil else {
      throw UsageError(
        "under mpirun, doctor looks at the ranks that mpirun has started: leave "
          + (hostfile == nil ? "--ranks" : "--hostfile") + " out, or mpirun")
    }
    let subject = try DoctorSubject(recipe: recipe, overrides: overrides)
    let hosts = try JobProbe.hosts(ranks, subject.request)
    let needs = try subject.needs(ranks: ranks.count, threads: Threads.count)
    let job = try JobProbe.run(ranks, byteCount: subject.gradientBytes(needs), kind: subject.kind)
    guard ranks.isMain else { return nil }
    let reports = zip(hosts, job.hosts).map { facts, host in
      HostReport(
        name: facts.host, ranks: host.ranks.count, threads: host.ranks.map(\.threads).max() ?? 1,
        answer: .facts(facts, clockOffset: 0))
    }
    return Diagnosis(hosts: reports, needs: needs, job: job, network: subject.network)
  }

  // MARK: What it starts itself for

  private func answer() throws {
    let text = String(decoding: try FileHandle.standardInput.readToEnd() ?? Data(), as: UTF8.self)
    guard let request = try? ProbeRequest(text: text) else { throw UsageError("--probe takes a request as its input") }
    Threads.setCount(min(ProcessorCores.available.count, ProcessorCores.quota ?? .max))
    try CommandOutput.result(String(decoding: JSONEncoder().encode(HostProbe.run(request)), as: UTF8.self))
  }

  private func measure(_ job: String) throws {
    let words = job.split(separator: ",")
    guard words.count == 2, let byteCount = Int(words[0]), let kind = ReductionBenchmark.Kind(rawValue: "\(words[1])")
    else { throw UsageError("--job takes bytes and how they are added up") }
    try RankedWork.run { ranks in
      let facts = try JobProbe.run(ranks, byteCount: byteCount, kind: kind)
      guard ranks.isMain else { return }
      try CommandOutput.result(String(decoding: JSONEncoder().encode(facts), as: UTF8.self))
    }
  }
}
