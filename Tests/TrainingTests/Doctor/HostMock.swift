@testable import Training

/// Made-up hosts: nothing is wrong with them until something is changed.
enum HostMock {
  static func facts(_ name: String, _ change: (inout HostFacts) -> Void = { _ in }) -> HostFacts {
    let number = name.last.flatMap(\.wholeNumberValue) ?? 1
    var facts = HostFacts(
      host: name,
      facts: [
        Fact(.program, "the program", "100 aa", shown: "/opt/polyad (100 bytes, checksum aa)"),
        Fact(.processor, "the processor", "AMD EPYC"),
        Fact(.model, "the model's model.safetensors", "500 bb", shown: "/m/model.safetensors (500 bytes, checksum bb)"),
        Fact(.data, "training data of task rte", "50 cc", shown: "/d/rte.json (50 bytes, checksum cc)"),
      ],
      processor: .init(
        name: "AMD EPYC", hasAVX512: true, openBLASKernels: "SkylakeX", leavesAVX512Idle: false,
        products: "oneDNN 2.6.3 (AVX-512, fp32), OpenBLAS (SkylakeX) for small products", note: nil, settings: [:]),
      cores: .init(present: 16, available: Array(0..<16), quota: nil, busy: 0.1),
      rates: .init(threads: 16, peak: 2000, product: 1600),
      memory: .init(total: 64 << 30, available: 60 << 30, sharedFree: 32 << 30, sharedFolder: "/dev/shm"),
      openMPI: .init(
        version: "4.1.4", protocols: ["cm", "ob1"], transports: ["self", "tcp", "vader"], fabrics: [], settings: [:]),
      interfaces: [
        NetworkInterface(name: "eth0", address: "10.0.0.\(number)", subnetBits: 24, speed: 10_000, driver: "ixgbe")
      ],
      output: nil, readRate: 1e9, clock: 1e9, futureFile: nil)
    change(&facts)
    return facts
  }

  static func report(
    _ name: String, ranks: Int = 4, threads: Int = 4, clockOffset: Double = 0,
    _ change: (inout HostFacts) -> Void = { _ in }
  ) -> HostReport {
    HostReport(
      name: name, ranks: ranks, threads: threads, answer: .facts(facts(name, change), clockOffset: clockOffset))
  }

  /// Three hosts, of which the second may be changed.
  static func three(_ change: (inout HostFacts) -> Void = { _ in }) -> [HostReport] {
    [report("node1") { $0.output = output }, report("node2", change), report("node3")]
  }

  static let output = HostFacts.Output(path: "/runs/a", fault: nil, free: 100 << 30, writeRate: 2e8)

  /// 26 GiB of weights and 2 GiB a rank.
  static let needs = RunNeeds(
    hostBytes: 26 << 30, rankBytes: 2 << 30, sharedHostBytes: 26 << 30, gradientBytes: 1 << 20,
    diskBytes: 1 << 30, microBatches: 16)

  static func findings(
    _ hosts: [HostReport], needs: RunNeeds? = nil, job: JobFacts? = nil, network: String = ""
  ) -> [Finding] {
    Diagnosis(hosts: hosts, needs: needs, job: job, network: network).findings
  }

  /// A job on three hosts, of four ranks of four cores each and with these rates of sending and receiving.
  static func job(
    _ rates: [(send: Double, receive: Double)] = [(1e9, 1e9), (1e9, 1e9), (1e9, 1e9)],
    cores: (Int) -> [Int] = { rank in
      Array(rank % 4 * 4..<(rank % 4 + 1) * 4)
    }
  ) -> JobFacts {
    JobFacts(
      hosts: rates.enumerated().map { place, rate in
        JobFacts.Host(
          name: "node\(place + 1)",
          ranks: (0..<4).map { JobFacts.Rank(rank: 4 * place + $0, cores: cores($0), threads: cores($0).count) },
          sendRate: rate.send, receiveRate: rate.receive)
      }, reduction: .init(byteCount: 1 << 20, seconds: 0.001))
  }
}
