import Foundation

/// The NUMA domains of a host: the parts of its memory, each with the cores that are near it.
public struct MemoryDomains: Sendable, Equatable {
  /// One of them: the kernel's number for it, and its hardware threads, by the kernel's numbers.
  public struct Domain: Sendable, Equatable {
    public let number: Int
    public let threads: Set<Int>

    public init(number: Int, threads: Set<Int>) {
      (self.number, self.threads) = (number, threads)
    }
  }

  /// Those that have cores, by their numbers. Empty where the kernel does not tell.
  public let domains: [Domain]

  public init(_ domains: [Domain]) {
    self.domains = domains.filter { !$0.threads.isEmpty }.sorted { $0.number < $1.number }
  }

  /// What the kernel tells of this host.
  ///
  /// - Parameter folder: The kernel's folder with one, `node0`, `node1` …, for each domain.
  public init(in folder: URL = URL(filePath: "/sys/devices/system/node")) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    self.init(
      names.compactMap { name in
        guard name.hasPrefix("node"), let number = Int(name.dropFirst("node".count)) else { return nil }
        let list = try? String(contentsOf: folder.appending(path: "\(name)/cpulist"), encoding: .utf8)
        return Domain(number: number, threads: Set(ProcessorCores.numbers(list ?? "")))
      })
  }

  /// The numbers of the domains that some of `threads` are in.
  public func numbers(of threads: Set<Int>) -> [Int] {
    domains.filter { !$0.threads.isDisjoint(with: threads) }.map(\.number)
  }
}
