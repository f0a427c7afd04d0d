import Testing

@testable import Training

/// Slow interfaces, and those that should not be taken.
struct NetworkFaultTests {
  private let usual = (send: 1e9, receive: 1e9)

  @Test func aHostThatSendsSlowlyIsNamed() {
    let job = HostMock.job([usual, (send: 5e6, receive: 1e9), usual])
    let found = HostMock.findings(HostMock.three(), job: job)
    #expect(found.map(\.kind) == [.network] && found[0].hosts == ["node2"] && found[0].effect == .slows)
    #expect(found[0].fault == "sends to other hosts at 40 Mbit/s; the others reach 8000 Mbit/s")
    #expect(found[0].remedy.contains("POLYAD_NETWORK"))
  }

  @Test func betweenTwoHostsTheSenderIsNamed() {
    let hosts = Array(HostMock.three().prefix(2))
    var job = HostMock.job([(send: 5e6, receive: 1e9), (send: 1e9, receive: 5e6)])
    let found = HostMock.findings(hosts, job: job)
    #expect(found.map(\.hosts) == [["node1"]])
    #expect(found.first?.fault == "sends to other hosts at 40 Mbit/s; eth0 should give 10000 Mbit/s")
    // Networks within a host tell a speed that is none: then 100 Mbit/s are the limit.
    let inner = ["node1", "node2"].map { HostMock.report($0) { $0.interfaces[0].driver = "veth" } }
    #expect(
      HostMock.findings(inner, job: job)[0].fault.hasSuffix(
        "100 Mbit/s are the least that training over hosts should have"))
    let three = (1...3).map { HostMock.report("node\($0)") { $0.interfaces[0].driver = "veth" } }
    #expect(HostMock.findings(three, job: HostMock.job([usual, (send: 2e8, receive: 1e9), usual])).isEmpty)
    job = HostMock.job([(send: 2e8, receive: 2e8), (send: 2e8, receive: 2e8)])
    #expect(HostMock.findings(inner, job: job).isEmpty)
  }

  @Test func aFasterNetworkThatAllShareIsRecommended() {
    func add(_ facts: inout HostFacts, _ number: Int) {
      facts.interfaces.append(
        NetworkInterface(
          name: "ens5", address: "192.168.7.\(number)", subnetBits: 24, speed: 100_000, driver: "mlx5_core"))
    }
    let hosts = (1...3).map { number in HostMock.report("node\(number)") { add(&$0, number) } }
    let found = HostMock.findings(hosts)
    #expect(found.map(\.hosts) == [["node1"], ["node2"], ["node3"]] && found.allSatisfy { $0.kind == .network })
    #expect(
      found.first?.fault
        == "eth0 (10.0.0.0/24, 10000 Mbit/s) is in use, and all hosts share 192.168.7.0/24 at 100000 Mbit/s")
    #expect(found.first?.remedy == "Set POLYAD_NETWORK=192.168.7.0/24")
    #expect(HostMock.findings(hosts, network: "192.168.7.0/24").isEmpty)
    #expect(HostMock.findings(hosts, network: "ens5").isEmpty)
  }

  @Test func aNetworkThatNobodyHasStopsTheRun() {
    let found = HostMock.findings(HostMock.three(), network: "ib0")
    #expect(found.count == 3 && found.allSatisfy { $0.effect == .stops && $0.kind == .network })
    #expect(
      found[0].description
        == "node1: it has no interface that POLYAD_NETWORK=ib0 names. Name one of eth0 10.0.0.0/24, or unset POLYAD_NETWORK."
    )
  }

  @Test func oneAddressOnSeveralHostsIsABridge() {
    let bridge = NetworkInterface(name: "docker0", address: "172.17.0.1", subnetBits: 16, speed: nil, driver: "bridge")
    let hosts = (1...3).map { number in HostMock.report("node\(number)") { $0.interfaces.append(bridge) } }
    let found = HostMock.findings(hosts)
    #expect(found.count == 1 && found[0].hosts == ["node1", "node2", "node3"] && found[0].effect == .misleads)
    #expect(found[0].remedy == "Set POLYAD_NETWORK=10.0.0.0/24")
    #expect(HostMock.findings(hosts, network: "eth0").isEmpty)
  }

  @Test func aFabricWithoutAWayToItIsTold() {
    let hosts = [HostMock.report("node1") { $0.openMPI.fabrics = ["mlx5_0"] }]
    #expect(HostMock.findings(hosts).map(\.kind) == [.network])
    let able = [
      HostMock.report("node1") {
        $0.openMPI.fabrics = ["mlx5_0"]
        $0.openMPI.protocols.append("ucx")
      }
    ]
    #expect(HostMock.findings(able).isEmpty)
    let chosen = [HostMock.report("node1") { $0.openMPI.settings = ["OMPI_MCA_btl": "tcp,self"] }]
    #expect(HostMock.findings(chosen).first?.remedy == "Unset OMPI_MCA_btl, or add vader to it")
  }

  @Test func subnetsAreThoseOfTheAddress() {
    func subnet(_ address: String, _ bits: Int) -> String {
      NetworkInterface(name: "a", address: address, subnetBits: bits, speed: nil, driver: "").subnet
    }
    #expect(subnet("10.1.2.3", 24) == "10.1.2.0/24")
    #expect(subnet("10.1.130.3", 17) == "10.1.128.0/17")
    #expect(subnet("10.1.2.3", 32) == "10.1.2.3/32")
    #expect(subnet("10.1.2.3", 0) == "0.0.0.0/0")
  }

  @Test(arguments: [2, 3, 4, 5, 8, 64])
  func everyHostSendsAndReceivesWithoutTwoPartnersAtOnce(count: Int) {
    let rounds = JobProbe.rounds(count)
    for round in rounds {
      let places = round.flatMap { [$0.from, $0.to] }
      #expect(Set(places).count == places.count)
    }
    let pairs = rounds.flatMap(\.self)
    for host in 0..<count {
      #expect(Set(pairs.filter { $0.from == host }.map(\.to)).count == min(2, count - 1))
      #expect(Set(pairs.filter { $0.to == host }.map(\.from)).count == min(2, count - 1))
    }
    // The time does not grow with the hosts.
    #expect(rounds.count <= 6)
  }
}
