/// What hosts must have alike and have not.
enum AgreementDiagnosis {
  static func findings(_ hosts: [KnownHost]) -> [Finding] {
    missing(hosts) + differences(hosts) + versions(hosts) + rates(hosts)
  }

  private static func missing(_ hosts: [KnownHost]) -> [Finding] {
    var groups: [(fact: Fact, hosts: [String])] = []
    for host in hosts {
      for fact in host.facts.facts where fact.value == "missing" {
        if let index = groups.firstIndex(where: { $0.fact == fact }) {
          groups[index].hosts.append(host.name)
        } else {
          groups.append((fact, [host.name]))
        }
      }
    }
    return groups.map {
      Finding(
        kind($0.fact.kind), .stops, $0.hosts, "\($0.fact.name) is \($0.fact.shown)",
        "Copy it to the same path, or share its folder")
    }
  }

  private static func differences(_ hosts: [KnownHost]) -> [Finding] {
    guard let first = hosts.first else { return [] }
    let groups = Agreement.differences(among: hosts.map(\.facts.facts), reference: first.name)
    return groups.filter { group in
      // A file that is missing was told already.
      !group.text.contains(" is missing (") && !group.text.contains(" has missing (")
    }.map { group in
      Finding(kind(group.kind), .stops, group.members.map { hosts[$0].name }, group.text, remedy(group.kind))
    }
  }

  /// Findings of facts are called as these.
  private static func kind(_ kind: Fact.Kind) -> Finding.Kind { Finding.Kind(rawValue: kind.rawValue) ?? .program }

  private static func remedy(_ kind: Fact.Kind) -> String {
    switch kind {
    case .program:
      "Install the same program and packages on every host, such as by copying the checkout with its .build"
    case .processor, .kernels:
      "Leave these hosts out, or train with --allow-mixed-processors; variables that choose kernels must be alike"
    case .recipe, .data, .model, .tokenizer, .adapter: "Copy it from the first host, or share its folder"
    }
  }

  private static func versions(_ hosts: [KnownHost]) -> [Finding] {
    guard let first = hosts.first, let version = first.facts.openMPI.version else { return [] }
    return hosts.dropFirst().compactMap { host in
      guard let other = host.facts.openMPI.version, other != version else { return nil }
      return Finding(
        .openMPI, .stops, [host.name], "Open MPI is \(other); \(first.name) has \(version)",
        "Install the same version on every host")
    }
  }

  /// Hosts that are slower than others of the same kind.
  private static func rates(_ hosts: [KnownHost]) -> [Finding] {
    hosts.compactMap { host in
      let alike = hosts.filter {
        $0.facts.processor.name == host.facts.processor.name && $0.facts.rates.threads == host.facts.rates.threads
      }
      guard alike.count > 2 else { return nil }
      let usual = alike.map(\.facts.rates.peak).sorted()[alike.count / 2], own = host.facts.rates.peak
      guard own < 0.6 * usual else { return nil }
      return Finding(
        .slowProcessor, .slows, [host.name],
        "its cores give \(HostDiagnosis.number(own)) GFLOP/s, others of their kind \(HostDiagnosis.number(usual))",
        "Look for other work (top), and for a clock that heat or a limit of power has lowered; all ranks wait for it")
    }
  }
}
