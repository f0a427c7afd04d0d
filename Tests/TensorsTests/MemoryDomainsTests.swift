import Foundation
import TestSupport
import Testing

@testable import Tensors

/// What the kernel says of NUMA domains.
struct MemoryDomainsTests {
  /// A made-up folder of the kernel's, a file of cores a domain.
  private func domains(_ lists: [String: String]) throws -> MemoryDomains {
    try withTemporaryFolder { folder in
      for (name, list) in lists {
        let domain = folder.appending(path: name)
        try FileManager.default.createDirectory(at: domain, withIntermediateDirectories: true)
        try Data("\(list)\n".utf8).write(to: domain.appending(path: "cpulist"))
      }
      return MemoryDomains(in: folder)
    }
  }

  /// Two sockets with hardware threads, memory without cores, and what else lies there.
  @Test func domainsHaveTheirThreads() throws {
    let found = try domains(["node1": "4-7,12-15", "node0": "0-3,8-11", "node10": "", "power": "0", "nodes": "1"])
    #expect(
      found.domains == [
        .init(number: 0, threads: [0, 1, 2, 3, 8, 9, 10, 11]), .init(number: 1, threads: [4, 5, 6, 7, 12, 13, 14, 15]),
      ])
    #expect(found.numbers(of: [5, 6]) == [1])
    #expect(found.numbers(of: [3, 4]) == [0, 1])
    #expect(found.numbers(of: [16]).isEmpty)
  }

  @Test func aKernelThatDoesNotTellHasNone() throws {
    #expect(MemoryDomains(in: URL(filePath: "/none")).domains.isEmpty)
    #expect(try domains([:]).domains.isEmpty)
  }
}
