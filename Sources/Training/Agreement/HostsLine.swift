import MessagePassing
import Tensors

/// The hosts of a job in one line, where they are several or their ranks have different numbers of threads: harmless, and
/// good to know.
public enum HostsLine {
  private struct Shape: Hashable {
    let ranks: Int
    /// Of each of its ranks, in their order.
    let threads: [Int]
  }

  /// Collective.
  ///
  /// - Returns: nil where there is nothing to tell.
  public static func text(_ ranks: Ranks) throws -> String? {
    guard ranks.count > 1 else { return nil }
    let leader = try ranks.node.broadcast(Int64(ranks.rank))
    let own = Array("\(leader) \(Threads.count) \(ranks.job.host)".utf8)
    let parts = try ranks.world.allGatherV(own).map {
      String(decoding: $0, as: UTF8.self).split(separator: " ", maxSplits: 2)
    }
    return text(parts.map { (node: Int($0[0]) ?? 0, threads: Int($0[1]) ?? 1, host: String($0[2])) })
  }

  /// - Parameter ranks: Each rank's node, by any number of it, threads and host.
  static func text(_ ranks: [(node: Int, threads: Int, host: String)]) -> String? {
    var nodes: [Int] = []
    for rank in ranks where !nodes.contains(rank.node) { nodes.append(rank.node) }
    guard nodes.count > 1 || ranks.contains(where: { $0.threads != ranks[0].threads }) else { return nil }
    var shapes: [(shape: Shape, hosts: [String])] = []
    for node in nodes {
      let own = ranks.filter { $0.node == node }
      let shape = Shape(ranks: own.count, threads: own.map(\.threads))
      if let index = shapes.firstIndex(where: { $0.shape == shape }) {
        shapes[index].hosts.append(own[0].host)
      } else {
        shapes.append((shape, [own[0].host]))
      }
    }
    let parts = shapes.map { shape, hosts in
      let threads = Set(shape.threads).count == 1 ? [shape.threads[0]] : shape.threads
      return "\(RankPlaces.list(hosts, limit: 8)): \(hosts.count > 1 ? "each " : "")\(shape.ranks) rank(s) of "
        + "\(RankPlaces.list(threads.map(String.init))) thread(s)"
    }
    return "hosts: " + parts.joined(separator: "; ")
  }
}
