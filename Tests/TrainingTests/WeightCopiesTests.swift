import Foundation
import Tensors
import Testing

@testable import Training

/// How many copies of the weights a host holds.
struct WeightCopiesTests {
  private static let domains = MemoryDomains([
    .init(number: 0, threads: Set(0..<4)), .init(number: 2, threads: Set(4..<8)),
  ])

  /// - Parameters:
  ///   - cores: Those of each rank.
  ///   - free: MiB of memory, and of /dev/shm; a copy has 99, and each is counted with one more.
  private func copies(
    _ choice: Recipe.WeightsCopy, _ cores: [Set<Int>], of domains: MemoryDomains = domains,
    free: (available: Int, shared: Int) = (600, 600)
  ) throws -> WeightCopies {
    let memory = (available: free.available << 20, shared: free.shared << 20)
    return try WeightCopies(choice, on: .init(cores: cores, domains: domains, memory: memory)) { 99 << 20 }
  }

  @Test(arguments: [Recipe.WeightsCopy.numa, .auto])
  func ranksWithinDomainsReadTheirOwn(choice: Recipe.WeightsCopy) throws {
    let copies = try copies(choice, [[0, 1], [4], [2, 3], [5, 6, 7]])
    #expect(copies.domains == [0, 2, 0, 2] && copies.count == 2 && copies.reason == nil)
    #expect(
      copies.line(choice, host: "node1")
        == "frozen weights: 2 copies on node1, one in each of NUMA domains 0 and 2 (weights_copy: \(choice.rawValue))")
  }

  @Test func oneCopyIsThereWhereSeveralHaveNoUse() throws {
    let one = MemoryDomains([.init(number: 0, threads: Set(0..<8))])
    for choice in [Recipe.WeightsCopy.numa, .auto] {
      for domains in [one, MemoryDomains([])] {
        let copies = try copies(choice, [[0], [4]], of: domains)
        #expect(copies.domains == nil && copies.count == 1 && copies.reason == "the host has one NUMA domain")
      }
      #expect(try copies(choice, [[4], [5, 6]]).reason == "its ranks are all in NUMA domain 2")
    }
    let asked = try copies(.node, [[0], [4]])
    #expect(asked == .one && asked.reason == nil)
    #expect(asked.line(.node, host: "a") == "frozen weights: one copy on a (weights_copy: node)")
  }

  @Test func ranksThatAreNotBoundShareOneCopy() throws {
    let unbound = try copies(.auto, [[0], [3, 4]])
    #expect(unbound.count == 1)
    #expect(
      unbound.line(.auto, host: "a")
        == "frozen weights: one copy on a (weights_copy: auto; the cores of the host's rank 1 lie in NUMA domains 0 and 2)"
    )
    let fault = #expect(throws: WeightCopies.Obstacle.self) { try copies(.numa, [[0], [3, 4]]) }
    #expect(fault?.reason == "the cores of the host's rank 1 lie in NUMA domains 0 and 2")
    #expect(
      fault?.remedy == "auto or node, or each rank bound to cores of one domain (mpirun --bind-to core)")
    #expect(
      try copies(.auto, [[0], [9]]).reason
        == "the cores of the host's rank 1 lie in no NUMA domain that the kernel names")
  }

  @Test func memoryDecides() throws {
    let cores: [Set<Int>] = [[0], [4]]
    #expect(try copies(.auto, cores, free: (600, 200)).count == 2)
    let little = try copies(.auto, cores, free: (599, 600))
    #expect(little.count == 1 && little.reason == "memory has 599 MiB left, and 2 copies want 3 times 200")
    #expect(try copies(.numa, cores, free: (200, 200)).count == 2)
    for (free, reason) in [
      ((199, 600), "memory has 199 MiB left, and 2 copies want 200"),
      ((600, 199), "/dev/shm has 199 MiB left, and 2 copies want 200"),
    ] {
      let fault = #expect(throws: WeightCopies.Obstacle.self) { try copies(.numa, cores, free: free) }
      #expect(fault == WeightCopies.Obstacle(reason: reason, remedy: "auto or node"))
    }
    #expect(try copies(.auto, cores, free: (600, 199)).reason == "/dev/shm has 199 MiB left, and 2 copies want 200")
  }

  @Test func sizesAreAskedForOnlyWhereTheyDecide() throws {
    let host = WeightCopies.Host(cores: [[0], [1]], domains: Self.domains, memory: (0, 0))
    #expect(
      try WeightCopies(.auto, on: host) {
        Issue.record("the size was asked for")
        return 0
      }.count == 1)
  }
}
