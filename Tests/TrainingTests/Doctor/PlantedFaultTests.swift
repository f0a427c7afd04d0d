import Foundation
import Testing

@testable import Training

/// Each fault planted in made-up hosts is found: its kind, its host, its numbers, and what mends it.
struct PlantedFaultTests {
  private func only(
    _ hosts: [HostReport], needs: RunNeeds? = nil, job: JobFacts? = nil, network: String = ""
  ) throws -> Finding {
    let found = HostMock.findings(hosts, needs: needs, job: job, network: network)
    #expect(found.count == 1, "\(found)")
    return try #require(found.first)
  }

  @Test func soundHostsHaveNoFinding() {
    #expect(HostMock.findings(HostMock.three(), needs: HostMock.needs, job: HostMock.job()).isEmpty)
    #expect(HostMock.findings([HostMock.report("node1")]).isEmpty)
  }

  @Test func wrongCoreType() throws {
    let hosts = HostMock.three {
      $0.processor.openBLASKernels = "Haswell"
      $0.processor.leavesAVX512Idle = true
      $0.processor.settings = ["POLYAD_CORETYPE": "HASWELL"]
    }
    #expect(
      try only(hosts).description
        == "node2: OpenBLAS computes with its Haswell kernels, which leave the AVX-512 of AMD EPYC idle. "
        + "Unset POLYAD_CORETYPE=HASWELL.")
    let unasked = HostMock.three { $0.processor.leavesAVX512Idle = true }
    #expect(try only(unasked).remedy == "Set POLYAD_CORETYPE=SKYLAKEX, or better kernels that OpenBLAS knows")
  }

  @Test func productsWithoutOneDNN() throws {
    let asked = HostMock.three {
      $0.processor.products = "OpenBLAS (SkylakeX)"
      $0.processor.settings = ["POLYAD_MATMUL": "openblas"]
    }
    let finding = try only(asked)
    #expect(finding.kind == .coreType && finding.effect == .slows && finding.remedy == "Unset POLYAD_MATMUL=openblas")
    let missing = try only(HostMock.three { $0.processor.note = "products run on OpenBLAS alone" })
    #expect(missing.kind == .coreType && missing.remedy.hasPrefix("Install oneDNN"))
  }

  @Test func productsFarBelowThePeak() throws {
    let finding = try only(HostMock.three { $0.rates.product = 500 })
    #expect(finding.kind == .slowProducts && finding.hosts == ["node2"])
    #expect(finding.fault == "products reach 500 GFLOP/s on 16 core(s), 25 % of what the processor gives")
  }

  @Test func aProcessorSlowerThanItsLike() throws {
    let finding = try only(HostMock.three { ($0.rates.peak, $0.rates.product) = (900, 800) })
    #expect(finding.kind == .slowProcessor && finding.hosts == ["node2"])
    #expect(finding.fault == "its cores give 900 GFLOP/s, others of their kind 2000")
  }

  @Test func oneCoreBinding() throws {
    let shell = [HostMock.report("node1", ranks: 1, threads: 1) { $0.cores.available = [0] }]
    let finding = try only(shell)
    #expect(finding.kind == .binding && finding.effect == .slows)
    #expect(finding.fault == "processes are bound to 1 of the host's 16 cores")
    #expect(finding.remedy.hasPrefix("mpirun --map-by slot:pe=16 --bind-to core gives each rank 16;"))
    // As plain mpirun -n 4 binds.
    let job = HostMock.job { [$0] }
    let found = HostMock.findings(HostMock.three(), job: job)
    #expect(found.map(\.kind) == [.binding, .binding, .binding])
    #expect(found[1].fault == "4 rank(s) are bound to 4 of the host's 16 cores")
    #expect(found[1].remedy.hasPrefix("mpirun --map-by slot:pe=4 --bind-to core gives each rank 4;"))
  }

  @Test func anOversubscribedHost() throws {
    let threads = try only([HostMock.report("node1", ranks: 4, threads: 8)])
    #expect(threads.kind == .oversubscribed && threads.effect == .stops)
    #expect(threads.fault == "4 rank(s) of 8 thread(s) on 16 core(s)")
    #expect(threads.remedy == "Set POLYAD_THREADS=4, or lower the ranks there (slots in the hostfile, -n)")
    let ranks = try only([HostMock.report("node1", ranks: 20, threads: 1)])
    #expect(ranks.kind == .oversubscribed && ranks.effect == .slows && ranks.remedy.contains("to 16"))
    let quota = try only([HostMock.report("node1", ranks: 4, threads: 4) { $0.cores.quota = 8 }])
    #expect(quota.kind == .oversubscribed && quota.fault == "4 rank(s) of 4 thread(s) on 8 core(s)")
    let busy = try only(HostMock.three { $0.cores.busy = 9.25 })
    #expect(busy.kind == .oversubscribed && busy.effect == .slows)
    #expect(
      busy.fault == "other processes take 9.3 of 16 core(s)" || busy.fault == "other processes take 9.2 of 16 core(s)")
  }

  @Test func coresThatStayIdle() throws {
    let finding = try only([HostMock.report("node1", ranks: 2, threads: 1)])
    #expect(finding.kind == .idleCores && finding.fault == "2 rank(s) of 1 thread(s) leave 14 of 16 cores idle")
    #expect(finding.remedy.hasSuffix("set POLYAD_THREADS=8"))
  }

  @Test func tooLittleMemory() throws {
    let finding = try only(HostMock.three { $0.memory.available = 30 << 30 }, needs: HostMock.needs)
    #expect(finding.kind == .memory && finding.effect == .stops && finding.hosts == ["node2"])
    #expect(
      finding.fault
        == "the run takes 34 GiB there (weights 26 GiB, 4 rank(s) of 2 GiB each), and 30 GiB of 64 GiB are free")
  }

  @Test func tooLittleSharedMemory() throws {
    let finding = try only(HostMock.three { $0.memory.sharedFree = 1 << 30 }, needs: HostMock.needs)
    #expect(finding.kind == .sharedMemory && finding.effect == .stops && finding.hosts == ["node2"])
    #expect(finding.fault == "the run takes 26 GiB of /dev/shm, and 1 GiB are free")
    #expect(finding.remedy.contains("mount -o remount,size=27g /dev/shm"))
    // Ranks of a host speak with each other there whatever they train.
    let bare = try only(HostMock.three { $0.memory.sharedFree = 1 << 20 })
    #expect(bare.fault == "the run takes 20 MiB of /dev/shm, and 1 MiB are free")
  }

  @Test func anotherModelFile() throws {
    let finding = try only(
      HostMock.three {
        $0.facts[2] = Fact(
          .model, "the model's model.safetensors", "500 dd", shown: "/m/model.safetensors (500 bytes, checksum dd)")
      })
    #expect(finding.kind == .model && finding.effect == .stops && finding.hosts == ["node2"])
    #expect(
      finding.fault == "the model's model.safetensors is /m/model.safetensors (500 bytes, checksum dd); node1 has "
        + "/m/model.safetensors (500 bytes, checksum bb)")
    #expect(finding.remedy == "Copy it from the first host, or share its folder")
  }

  @Test func aMissingFileIsToldOnceForItsHosts() throws {
    let missing = Fact(.data, "training data of task rte", "missing", shown: "missing (/d/rte.json)")
    var hosts = HostMock.three { $0.facts[3] = missing }
    #expect(try only(hosts).description.hasPrefix("node2: training data of task rte is missing (/d/rte.json). Copy it"))
    hosts[0] = HostMock.report("node1") { $0.facts[3] = missing }
    let finding = try only(hosts)
    #expect(finding.kind == .data && finding.hosts == ["node1", "node2"])
  }

  @Test func anotherBinary() throws {
    let finding = try only(
      HostMock.three {
        $0.facts[0] = Fact(.program, "the program", "101 ee", shown: "/opt/polyad (101 bytes, checksum ee)")
      })
    #expect(finding.kind == .program && finding.effect == .stops && finding.hosts == ["node2"])
    #expect(finding.fault.hasPrefix("the program is /opt/polyad (101 bytes, checksum ee); node1 has "))
    var hosts = HostMock.three()
    hosts[1] = HostReport(
      name: "node2", ranks: 4, threads: 4, answer: .fault(.otherProgram(reason: "there is no verb doctor")))
    #expect(try only(hosts).fault == "the program there is another build than here (there is no verb doctor)")
    #expect(!Diagnosis(hosts: hosts, needs: nil, job: nil, network: "").allowsJob)
  }

  @Test func aClockThatIsOff() throws {
    var hosts = HostMock.three()
    hosts[1] = HostMock.report("node2", clockOffset: -3600)
    let finding = try only(hosts)
    #expect(finding.kind == .clock && finding.effect == .misleads && finding.hosts == ["node2"])
    #expect(finding.fault == "its clock is 1 h 00 min behind the others'")
    // Where most are off against the asking host, it is that one.
    let others = ["node2", "node3"].map { HostMock.report($0, clockOffset: 30) }
    let own = try only([HostMock.report("node1")] + others)
    #expect(own.hosts == ["node1"] && own.fault == "its clock is 30 s behind the others'")
    hosts[1] = HostMock.report("node2", clockOffset: 1.5)
    #expect(HostMock.findings(hosts).isEmpty)
  }

  @Test func aFileFromTheFuture() throws {
    let finding = try only([HostMock.report("node1") { $0.futureFile = .init(path: "/r/recipe.yaml", ahead: 86_400) }])
    #expect(finding.kind == .clock)
    #expect(finding.fault == "/r/recipe.yaml was last changed 1 d 00 h in the future, by the host's clock")
  }

  @Test func outputThatCannotBeWritten() throws {
    let finding = try only([
      HostMock.report("node1") {
        $0.output = HostMock.output
        $0.output?.fault = "/runs: Read-only file system"
      }
    ])
    #expect(finding.kind == .output && finding.effect == .stops)
    #expect(finding.fault == "output_dir /runs/a cannot be written (/runs: Read-only file system)")
    #expect(finding.remedy.contains("--set output_dir="))
  }

  @Test func aDiskTooSmall() throws {
    let full = HostMock.report("node1") {
      $0.output = HostMock.output
      $0.output?.free = 1 << 29
    }
    let finding = try only([full], needs: HostMock.needs)
    #expect(finding.kind == .diskSpace && finding.fault.contains("1 GiB") && finding.fault.contains("512 MiB are free"))
  }

  @Test func moreRanksThanParts() throws {
    let finding = try only((1...5).map { HostMock.report("node\($0)") }, needs: HostMock.needs)
    #expect(finding.kind == .ranks && finding.fault == "20 ranks are more than the batch's 16 parts")
  }

  @Test func hostsThatDoNotAnswer() throws {
    var hosts = HostMock.three()
    hosts[1] = HostReport(name: "node2", ranks: 4, threads: 4, answer: .fault(.silent(reason: "Connection refused")))
    let finding = try only(hosts)
    #expect(finding.kind == .silentHost && finding.fault == "does not answer by ssh: Connection refused")
    hosts[1] = HostReport(name: "node2", ranks: 4, threads: 4, answer: .fault(.noProgram(path: "/opt/polyad")))
    #expect(try only(hosts).fault == "there is no program /opt/polyad that can be started")
    hosts[1] = HostReport(name: "node2", ranks: 4, threads: 4, answer: .fault(.failed(reason: "signal 4 ends it")))
    #expect(try only(hosts).fault == "the program does not run there: signal 4 ends it")
  }

  @Test func openMPIThatIsMissingOrAnother() throws {
    let missing = try only(HostMock.three { $0.openMPI.version = nil })
    #expect(
      missing.kind == .openMPI && missing.hosts == ["node2"] && missing.fault.hasPrefix("Open MPI (orted) is not"))
    let other = try only(HostMock.three { $0.openMPI.version = "4.1.6" })
    #expect(other.fault == "Open MPI is 4.1.6; node1 has 4.1.4")
  }
}
