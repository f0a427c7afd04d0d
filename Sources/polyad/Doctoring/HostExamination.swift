import Foundation
import Tensors
import Training

/// The examination of hosts on which nothing runs yet: all are asked at once, and then ranks are started.
struct HostExamination {
  let subject: DoctorSubject
  /// The hostfile, as it was named; nil: this host alone.
  let hostfile: String?
  /// Ranks on this host, where there is no hostfile; nil: as many as suit its cores.
  let ranks: Int?
  /// Of each rank; nil: its part of its host's cores.
  let threads: Int?
  /// Rank 0's host comes first, as Open MPI has it; nil: this one, without a hostfile.
  private let hosts: [Hostfile.Host?]

  /// - Throws: ``HostfileError`` or ``UsageError``.
  init(_ subject: DoctorSubject, hostfile: String?, ranks: Int?) throws {
    (self.subject, self.hostfile, self.ranks) = (subject, hostfile, ranks)
    let listed = try hostfile.map { try Hostfile(path: $0).hosts }
    hosts =
      listed.map { all in
        all.filter { ThisHost.isNamed($0.name) } + all.filter { !ThisHost.isNamed($0.name) }
      } ?? [nil]
    let text = ProcessInfo.processInfo.environment["POLYAD_THREADS"]
    threads = text.flatMap { Int($0) }
    guard text == nil || threads ?? 0 > 0 else {
      throw UsageError("POLYAD_THREADS is \"\(text ?? "")\"; it must be a whole number of threads above 0")
    }
  }

  /// Looks at the hosts and, unless what is found stops them, starts the ranks.
  func diagnosis() throws -> Diagnosis {
    let reports = reports()
    let needs = try subject.needs(
      ranks: reports.reduce(0) { $0 + $1.ranks }, threads: reports.map(\.threads).max() ?? 1)
    let first = Diagnosis(hosts: reports, needs: needs, job: nil, network: subject.network)
    guard first.allowsJob, !StopSignal.isSet else { return first }
    do {
      let job = try job(reports, byteCount: subject.gradientBytes(needs))
      return Diagnosis(hosts: reports, needs: needs, job: job, network: subject.network)
    } catch let error as RankedRunError where error != .noLauncher {
      return first.addingFault(ofJob: "\(error)")
    }
  }

  /// Seconds for a probe, and bytes a second at which files are surely read.
  private static let probeLimit = 60.0, readRate = 5e7

  private func reports() -> [HostReport] {
    let questions = hosts.enumerated().map { place, host in
      var request = subject.request
      if place > 0 { request.output = nil }
      return (host: host.flatMap { ThisHost.isNamed($0.name) ? nil : $0 }, request: request)
    }
    let limit = Self.probeLimit + Double(subject.request.byteCount) / Self.readRate
    return zip(hosts, HostQuestion(timeLimit: limit).ask(questions)).map(report)
  }

  private func report(_ host: Hostfile.Host?, _ answer: HostReport.Answer) -> HostReport {
    var cores = 1, name = host?.name ?? "this host"
    if case .facts(let facts, _) = answer {
      cores = facts.cores.usable
      if host == nil { name = facts.host }
    }
    let count = host == nil ? ranks ?? max(1, cores / (threads ?? 1)) : host?.slots ?? cores
    return HostReport(name: name, ranks: count, threads: threads ?? max(1, cores / max(1, count)), answer: answer)
  }

  /// Starts the ranks, and returns what they measure.
  ///
  /// - Throws: ``RankedRunError``.
  private func job(_ reports: [HostReport], byteCount: Int) throws -> JobFacts {
    let places = zip(hosts, reports).compactMap { host, report in
      host.map { LaunchPlace.Host(host: $0, slots: report.ranks, cores: report.facts?.cores.usable ?? 1) }
    }
    // Where all ranks have as many threads, they are bound to their cores.
    let common = Set(reports.map(\.threads)).count == 1 ? reports.first?.threads : nil
    let count = reports.reduce(0) { $0 + $1.ranks }
    var run = try RankedRun(
      ["doctor", "--job", "\(byteCount),\(subject.kind.rawValue)"], ranks: count,
      threads: threads ?? common, on: hostfile.map { LaunchPlace(hosts: places, path: $0) } ?? .thisHost)
    run.timeLimit = 120
    let outcome = try run.runToSuccess()
    let line = outcome.standardOutput.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
    guard let facts = try? JSONDecoder().decode(JobFacts.self, from: Data(line.utf8)) else {
      throw RankedRunError.failed(rankCount: count, code: 0, reason: "they told nothing of what they measured")
    }
    return facts
  }
}
