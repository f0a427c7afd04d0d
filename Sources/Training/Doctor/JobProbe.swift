import Foundation
import Glibc
import MessagePassing
import Tensors

/// Measures a job's places and messages from within.
public enum JobProbe {
  /// Bytes of the messages between hosts that are timed, and of those that open a connection before.
  private static let messageBytes = 4 << 20, firstBytes = 1 << 16

  /// Looks at the job. Collective.
  ///
  /// - Parameters:
  ///   - byteCount: Of the gradients that are added up.
  ///   - kind: How.
  /// - Returns: The same on all ranks.
  public static func run(_ ranks: Ranks, byteCount: Int, kind: ReductionBenchmark.Kind) throws -> JobFacts {
    var facts = JobFacts(hosts: try places(ranks))
    let rates = try messageRates(ranks)
    for index in rates.indices { (facts.hosts[index].sendRate, facts.hosts[index].receiveRate) = rates[index] }
    guard ranks.count > 1 else { return facts }
    let measured = try ReductionBenchmark(ranks, byteCounts: [max(byteCount, 4)], kinds: [kind]).run()
    facts.reduction = measured.max { $0.ranks < $1.ranks }.map {
      JobFacts.Reduction(byteCount: $0.byteCount, seconds: $0.seconds)
    }
    return facts
  }

  /// Every host's ranks.
  private static func places(_ ranks: Ranks) throws -> [JobFacts.Host] {
    let leader = try ranks.node.broadcast(Int64(ranks.rank))
    let own = [leader, Int64(Threads.count)] + ProcessorCores.available.sorted().map { Int64($0) }
    let all = try ranks.world.allGatherV(own)
    let names = try ranks.world.allGatherV(Array(ranks.job.host.utf8)).map { String(decoding: $0, as: UTF8.self) }
    return all.indices.filter { all[$0][0] == $0 }.map { first in
      let members = all.indices.filter { all[$0][0] == first }
      return JobFacts.Host(
        name: names[first],
        ranks: members.map { rank in
          JobFacts.Rank(rank: rank, cores: all[rank].dropFirst(2).map { Int($0) }, threads: Int(all[rank][1]))
        })
    }
  }

  // MARK: Messages between hosts

  /// What each host's first rank sent and received, by the best of its partners, in bytes a second; none with one host.
  private static func messageRates(_ ranks: Ranks) throws -> [(send: Double?, receive: Double?)] {
    let isLeader = ranks.node.rank == 0
    let leaders = try ranks.world.split(color: isLeader ? 0 : 1, key: ranks.rank)
    defer { try? leaders.free() }
    let count = Int(try ranks.world.allReduce(Int64(isLeader ? 1 : 0), .sum))
    guard count > 1 else { return [] }
    var own = [0.0, 0.0]
    if isLeader { own = try exchange(leaders) }
    let all = try ranks.world.allGather(own)
    let places = try ranks.world.allGather(Int64(isLeader ? 1 : 0))
    return places.indices.filter { places[$0] == 1 }.map { rank in
      func known(_ rate: Double) -> Double? { rate > 0 ? rate : nil }
      return (known(all[2 * rank]), known(all[2 * rank + 1]))
    }
  }

  private static func exchange(_ leaders: Communicator) throws -> [Double] {
    var best = [0.0, 0.0]
    for round in rounds(leaders.size) {
      let place = round.firstIndex { $0.from == leaders.rank || $0.to == leaders.rank }
      let pair = try leaders.split(color: place ?? round.count, key: leaders.rank)
      defer { try? pair.free() }
      try leaders.barrier()
      guard let place else { continue }
      let sender = round[place].from < round[place].to ? 0 : 1
      let rate = try rate(pair, from: sender)
      let side = pair.rank == sender ? 0 : 1
      best[side] = max(best[side], rate)
    }
    return best
  }

  /// Bytes a second from one of two ranks to the other. Collective over both.
  private static func rate(_ pair: Communicator, from sender: Int) throws -> Double {
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: messageBytes / 4)
    defer { memory.deallocate() }
    memory.initialize(repeating: 0)
    try pair.broadcast(UnsafeMutableBufferPointer(rebasing: memory[..<(firstBytes / 4)]), from: sender)
    var best = Double.infinity
    for _ in 0..<2 {
      try pair.barrier()
      let start = ContinuousClock.now
      try pair.broadcast(memory, from: sender)
      // The one who sends may be done when all is on its way.
      let time = try pair.allReduce((ContinuousClock.now - start) / .seconds(1), .max)
      best = min(best, time)
    }
    return Double(messageBytes) / best
  }

  /// Who sends to whom: each host to the next and, of three or more, to the one after that, so that a host which is slow
  /// with all of its partners is told from one with a slow partner. In a round each host has one partner at most.
  static func rounds(_ count: Int) -> [[(from: Int, to: Int)]] {
    let pairs = (count > 2 ? [1, 2] : [1]).flatMap { shift in (0..<count).map { (from: $0, to: ($0 + shift) % count) } }
    var rounds: [[(from: Int, to: Int)]] = [], busy: [Set<Int>] = []
    for pair in pairs {
      if let round = busy.firstIndex(where: { !$0.contains(pair.from) && !$0.contains(pair.to) }) {
        rounds[round].append(pair)
        busy[round].formUnion([pair.from, pair.to])
      } else {
        rounds.append([pair])
        busy.append([pair.from, pair.to])
      }
    }
    return rounds
  }

  // MARK: Hosts, where the job was started by hand

  /// Has the first rank of each host look at it, while the others do nothing, not even wait busily. Collective.
  ///
  /// - Returns: In the order of ``JobFacts/hosts``, the same on all ranks.
  public static func hosts(_ ranks: Ranks, _ request: ProbeRequest) throws -> [HostFacts] {
    var own: [UInt8] = []
    if ranks.node.rank == 0 {
      var request = request
      if !ranks.isMain { request.output = nil }
      own = Array(try JSONEncoder().encode(HostProbe.run(request)))
    }
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 1)
    defer { memory.deallocate() }
    memory.initialize(repeating: 0)
    let done = try ranks.world.startAllReduceSum(memory)
    while try !done.test() { usleep(10_000) }
    return try ranks.world.allGatherV(own).filter { !$0.isEmpty }.map {
      try JSONDecoder().decode(HostFacts.self, from: Data($0))
    }
  }
}
