/// Interfaces that are slow, or not those that should be taken.
enum NetworkDiagnosis {
  /// Bytes a second below which an interface counts as slow whatever it is: 100 Mbit/s.
  private static let least = 12.5e6
  /// What part of the usual rate, or of the interface's own, is no fault.
  private static let share = 0.3
  /// Mbit/s that one stream of TCP is sure to reach on good hardware.
  private static let surelyReached = 10_000
  /// Networks within a host, whose drivers tell no true speed.
  private static let imitations: Set<String> = [
    "bridge", "veth", "tun", "virtio_net", "dummy", "macvlan", "ipvlan", "",
  ]

  static func findings(_ hosts: [KnownHost], network: String) -> [Finding] {
    guard hosts.count > 1 else { return [] }
    return selection(hosts, network) + choice(hosts, network) + bridges(hosts, network) + rates(hosts, network)
  }

  // MARK: Measured

  private static func rates(_ hosts: [KnownHost], _ network: String) -> [Finding] {
    let sends = rates(hosts, network, "sends to", \.sendRate),
      receives = rates(hosts, network, "receives from", \.receiveRate)
    // Between two hosts the one's sending is the other's receiving.
    return sends + (hosts.count == 2 && !sends.isEmpty ? [] : receives)
  }

  private static func rates(
    _ hosts: [KnownHost], _ network: String, _ verb: String, _ rate: KeyPath<JobFacts.Host, Double?>
  ) -> [Finding] {
    let known = hosts.compactMap { host in host.job?[keyPath: rate].map { (host: host, rate: $0) } }
    guard known.count > 1 else { return [] }
    let usual = known.map(\.rate).sorted()[known.count / 2]
    return known.compactMap { host, rate in
      let interfaces = host.facts.interfaces.filter { $0.isNamed(in: network) && !imitations.contains($0.driver) }
      let fastest = interfaces.max { $0.speed ?? 0 < $1.speed ?? 0 }
      let due = fastest.flatMap(\.speed).map { 125e3 * Double(min($0, surelyReached)) }
      let comparison: String
      // Within a machine rates follow what else goes on there, and mean something only far below them.
      if known.count > 2, rate < share * usual, fastest != nil || rate < 10 * least {
        comparison = "the others reach \(megabits(usual))"
      } else if let fastest, let due, rate < share * due {
        comparison = "\(fastest.name) should give \(fastest.speed ?? 0) Mbit/s"
      } else if rate < least {
        comparison = "100 Mbit/s are the least that training over hosts should have"
      } else {
        return nil
      }
      return Finding(
        .network, .slows, [host.name], "\(verb) other hosts at \(megabits(rate)); \(comparison)",
        "Look at the link (ethtool \(fastest?.name ?? host.facts.interfaces.first?.name ?? "eth0"): speed, errors) and "
          + "its load, or take another with POLYAD_NETWORK; larger batches, and micro_batches, speak less often")
    }
  }

  private static func megabits(_ rate: Double) -> String { "\(Formatting.number((rate / 125e3).rounded())) Mbit/s" }

  // MARK: Which interface

  /// POLYAD_NETWORK names nothing that a host has.
  private static func selection(_ hosts: [KnownHost], _ network: String) -> [Finding] {
    hosts.filter { host in !host.facts.interfaces.contains { $0.isNamed(in: network) } }.map { host in
      let own = host.facts.interfaces.map { "\($0.name) \($0.subnet)" }.joined(separator: ", ")
      return Finding(
        .network, .stops, [host.name],
        network.isEmpty
          ? "it has no interface with an address" : "it has no interface that POLYAD_NETWORK=\(network) names",
        own.isEmpty ? "Bring one up (ip link, ip addr)" : "Name one of \(own), or unset POLYAD_NETWORK")
    }
  }

  /// A subnet that all hosts share, by faster interfaces than those in use.
  private static func choice(_ hosts: [KnownHost], _ network: String) -> [Finding] {
    func speed(_ host: KnownHost, _ isMeant: (NetworkInterface) -> Bool) -> Int {
      host.facts.interfaces.filter(isMeant).filter { !imitations.contains($0.driver) }.compactMap(\.speed).max() ?? 0
    }
    let subnets = Set(hosts[0].facts.interfaces.map(\.subnet)).filter { subnet in
      hosts.allSatisfy { $0.facts.interfaces.contains { $0.subnet == subnet } }
    }
    let speeds = subnets.sorted().map { subnet in
      (subnet: subnet, speed: hosts.map { speed($0) { $0.subnet == subnet } }.min() ?? 0)
    }
    guard let best = speeds.max(by: { $0.speed < $1.speed }), best.speed > 0 else { return [] }
    return hosts.compactMap { host in
      let inUse = host.facts.interfaces.filter { $0.isNamed(in: network) && subnets.contains($0.subnet) }
      // Open MPI takes all of them, and the slowest is where it waits.
      let slowest = inUse.filter { !imitations.contains($0.driver) && $0.speed != nil }
        .min { $0.speed ?? 0 < $1.speed ?? 0 }
      guard let slowest, let own = slowest.speed, own < best.speed else { return nil }
      return Finding(
        .network, .slows, [host.name],
        "\(slowest.name) (\(slowest.subnet), \(own) Mbit/s) is in use, and all hosts share \(best.subnet) at "
          + "\(best.speed) Mbit/s", "Set POLYAD_NETWORK=\(best.subnet)")
    }
  }

  /// One address on several hosts belongs to networks within them, as of containers, by which none reaches another.
  private static func bridges(_ hosts: [KnownHost], _ network: String) -> [Finding] {
    var places: [String: [(host: String, name: String)]] = [:]
    for host in hosts {
      for interface in host.facts.interfaces where interface.isNamed(in: network) {
        places[interface.address, default: []].append((host.name, interface.name))
      }
    }
    let others = hosts[0].facts.interfaces.filter { places[$0.address]?.count == 1 }
    return places.filter { $0.value.count > 1 }.sorted { $0.key < $1.key }.map { address, found in
      Finding(
        .network, .misleads, found.map(\.host),
        "\(found[0].name) has the address \(address) on each of them, by which ranks would seek each other in vain",
        "Set POLYAD_NETWORK=\(others.first?.subnet ?? "the subnet that the hosts share")")
    }
  }
}
