import Foundation
import Tensors

/// The hosts that ranks are started on, each known to answer.
struct LaunchPlace: Equatable {
  struct Host: Equatable {
    let host: Hostfile.Host
    /// Ranks it takes at most.
    let slots: Int
    let cores: Int
  }

  /// In the order in which ranks fill them; nil: this host, which takes any number.
  let hosts: [Host]?
  /// The hostfile, as it was named.
  let path: String?

  /// This host alone.
  static var thisHost: LaunchPlace { LaunchPlace(hosts: nil, path: nil) }

  /// - Parameter hostfile: nil: this host alone.
  /// - Throws: ``HostfileError``, or ``RankedRunError`` where a host does not answer.
  init(hostfile path: String?) throws {
    guard let path else {
      self = .thisHost
      return
    }
    try self.init(Hostfile(path: path))
  }

  /// Asks all hosts at once, by ssh.
  ///
  /// - Throws: ``RankedRunError/unreachable(_:)``.
  init(_ hostfile: Hostfile) throws {
    let cores = try HostReach.cores(of: hostfile.hosts)
    let hosts = zip(hostfile.hosts, cores).map { Host(host: $0, slots: $0.slots ?? $1, cores: $1) }
    // Open MPI counts the ranks of its own host first, wherever that is listed.
    let isOwn = hosts.map { ThisHost.isNamed($0.host.name) }
    self.init(
      hosts: zip(hosts, isOwn).filter(\.1).map(\.0) + zip(hosts, isOwn).filter { !$0.1 }.map(\.0),
      path: hostfile.path)
  }

  init(hosts: [Host]?, path: String?) { (self.hosts, self.path) = (hosts, path) }

  /// Ranks it takes at most; nil: any number.
  var slots: Int? { hosts?.reduce(0) { $0 + $1.slots } }

  /// The hosts that `rankCount` ranks fill, with as many slots as ranks there.
  ///
  /// - Throws: ``RankedRunError/fewSlots(rankCount:slots:path:)``.
  func filled(by rankCount: Int) throws(RankedRunError) -> [Host]? {
    guard let hosts else { return nil }
    var left = rankCount, result: [Host] = []
    for host in hosts where left > 0 {
      result.append(Host(host: host.host, slots: min(host.slots, left), cores: host.cores))
      left -= min(host.slots, left)
    }
    guard left == 0 else {
      throw .fewSlots(rankCount: rankCount, slots: rankCount - left, path: path ?? "")
    }
    return result
  }

  /// How many cores this process may use.
  static var ownCores: Int { min(ProcessorCores.available.count, ProcessorCores.quota ?? .max) }
}
