/// What of hosts and their job would stop, slow or mislead a run: a function of facts alone.
public struct Diagnosis: Sendable {
  /// The asking host, or rank 0's, comes first.
  public let hosts: [HostReport]
  /// Nil without a recipe.
  public let needs: RunNeeds?
  /// Nil where no job was started.
  public let job: JobFacts?
  /// POLYAD_NETWORK; empty: all interfaces.
  public let network: String
  /// What stops comes first, then what slows; within these by what it is.
  public let findings: [Finding]

  public init(hosts: [HostReport], needs: RunNeeds?, job: JobFacts?, network: String) {
    (self.hosts, self.needs, self.job, self.network) = (hosts, needs, job, network)
    let known = hosts.compactMap { report -> KnownHost? in
      guard case .facts(let facts, let offset) = report.answer else { return nil }
      return KnownHost(
        name: report.name, ranks: report.ranks, threads: report.threads, facts: facts, clockOffset: offset,
        job: job?.hosts.first { $0.name == facts.host })
    }
    let all =
      hosts.compactMap(HostDiagnosis.fault) + AgreementDiagnosis.findings(known) + known.flatMap(HostDiagnosis.findings)
      + MemoryDiagnosis.findings(known, needs) + ClockDiagnosis.findings(known)
      + NetworkDiagnosis.findings(known, network: network) + Self.ranks(hosts, needs)
    let order = Finding.Effect.allCases
    findings = order.flatMap { effect in all.filter { $0.effect == effect } }
  }

  /// The same where the ranks were started and failed.
  public func addingFault(ofJob fault: String) -> Diagnosis {
    let finding = Finding(
      .job, .stops, [], "the ranks that were started failed: \(fault)",
      "Try it by hand, as with mpirun -n 2 polyad bench reduction and the hostfile")
    return Diagnosis(
      self, findings: findings.filter { $0.effect == .stops } + [finding] + findings.filter { $0.effect != .stops })
  }

  private init(_ other: Diagnosis, findings: [Finding]) {
    (hosts, needs, job, network) = (other.hosts, other.needs, other.job, other.network)
    self.findings = findings
  }

  /// Whether ranks could be started at all.
  public var allowsJob: Bool {
    let kinds: Set<Finding.Kind> = [.silentHost, .program, .openMPI, .oversubscribed, .sharedMemory]
    return !findings.contains { $0.effect == .stops && kinds.contains($0.kind) }
  }

  private static func ranks(_ hosts: [HostReport], _ needs: RunNeeds?) -> [Finding] {
    let count = hosts.reduce(0) { $0 + $1.ranks }
    guard let needs, count > needs.microBatches else { return [] }
    return [
      Finding(
        .ranks, .stops, [], "\(count) ranks are more than the batch's \(needs.microBatches) parts",
        "Start at most \(needs.microBatches), or raise micro_batches, as with --set micro_batches=\(count)")
    ]
  }
}

/// A host that told its facts.
struct KnownHost {
  let name: String
  let ranks, threads: Int
  let facts: HostFacts
  let clockOffset: Double
  /// Its part of the job, if one was started.
  let job: JobFacts.Host?
}
