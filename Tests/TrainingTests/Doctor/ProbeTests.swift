import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// What a probe reads, and what it makes of it.
struct ProbeTests {
  @Test func timeOfOthersIsWhatIsNotIdle() {
    let before = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 10 0 0 100 0 0 0 0 0 0\ncpu1 0 0 0 100 0 0 0 0 0 0\nintr 5\n"
    let after = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 60 0 0 150 0 0 0 0 50 0\ncpu1 0 0 5 185 5 0 0 5 0 0\nintr 9\n"
    #expect(BusyCores.busy(before, after, threads: [0]) == 0.5)
    // Waiting for a disk leaves the core to others; time that is stolen does not.
    #expect(abs(BusyCores.busy(before, after, threads: [0, 1]) - 0.6) < 1e-9)
    #expect(BusyCores.busy("", after, threads: [0]) == 0)
  }

  @Test func sizesOfMemoryAreRead() {
    let sizes = HostMemory.sizes("MemTotal:       24684084 kB\nMemAvailable:   100 kB\nHugePages_Total:       0\n")
    #expect(sizes["MemTotal"] == 24_684_084 << 10 && sizes["MemAvailable"] == 102_400)
  }

  @Test func componentsOfOpenMPIAreRead() {
    let text =
      "package:Debian\nmca:btl:vader:version:\"mca:2.1.0\"\nmca:btl:tcp:version:\"mca:2.1.0\"\nmca:btl:tcp:param\nmca:pml:ob1:version\n"
    #expect(InstalledMPI.components("btl", in: text) == ["tcp", "vader"])
    #expect(InstalledMPI.components("pml", in: text) == ["ob1"])
  }

  @Test func filesAreSummedAndMissingOnesTold() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a")
      try Data("abc".utf8).write(to: file)
      var request = ProbeRequest()
      request.seconds = 0.01
      request.files = [
        .init(kind: .data, name: "a", path: file.path), .init(kind: .data, name: "b", path: folder.path + "/b"),
      ]
      request.output = folder.path + "/runs/one"
      let facts = HostProbe.run(try ProbeRequest(text: request.text))
      let sum = Checksum.text(Checksum.of("abc"))
      #expect(facts.facts.suffix(2).map(\.value) == ["3 \(sum)", "missing"])
      #expect(facts.facts.contains { $0.kind == .program && $0.value != "unknown" })
      #expect(facts.output?.fault == nil && facts.output?.writeRate ?? 0 > 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["a"])
      #expect(facts.rates.product > 0 && facts.rates.peak > 0 && facts.cores.present >= facts.cores.available.count)
      #expect(facts.memory.available > 0 && facts.memory.available <= facts.memory.total)
      #expect(facts.futureFile == nil)
      #expect(try JSONDecoder().decode(HostFacts.self, from: JSONEncoder().encode(facts)) == facts)
    }
  }

  @Test func filesFromTheFutureAreSeen() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "recipe.yaml")
      try Data().write(to: file)
      let now = Date.now.addingTimeInterval(-3600)
      let found = HostProbe.futureFile([file.path, folder.path + "/none"], now: now)
      #expect(found?.path == file.path && abs((found?.ahead ?? 0) - 3600) < 60)
    }
  }

  @Test func aFolderBelowAFileCannotBeWritten() throws {
    try withTemporaryFolder { folder in
      try Data().write(to: folder.appending(path: "file"))
      #expect(OutputProbe.facts(folder.path + "/file/run").fault?.hasSuffix("file: Not a directory") == true)
    }
  }
}
