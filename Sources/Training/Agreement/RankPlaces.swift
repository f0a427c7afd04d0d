/// Ranks and their hosts in words, such as "node2 (ranks 2, 3) and node3 (rank 4)".
struct RankPlaces: CustomStringConvertible {
  let description: String

  /// Hosts that are named at most.
  private static let hostLimit = 6

  /// - Parameters:
  ///   - ranks: Ascending.
  ///   - hosts: Every rank's host.
  init(_ ranks: [Int], hosts: [String]) {
    var order: [String] = []
    for rank in ranks where !order.contains(hosts[rank]) { order.append(hosts[rank]) }
    let places = order.map { host in
      let own = ranks.filter { hosts[$0] == host }
      return "\(host) (\(own.count == 1 ? "rank" : "ranks") \(Self.numbers(own)))"
    }
    description = Self.list(places, limit: Self.hostLimit)
  }

  /// Words as one says them: "a", "a and b", "a, b and c"; beyond the limit, how many more there are.
  static func list(_ words: [String], limit: Int = .max) -> String {
    let shown = words.count > limit ? words.prefix(limit) + ["\(words.count - limit) more"] : words[...]
    guard let last = shown.last, shown.count > 1 else { return words.first ?? "" }
    return shown.dropLast().joined(separator: ", ") + " and " + last
  }

  /// Numbers with runs of three or more as ranges, such as "0, 1, 4-9".
  static func numbers(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.flatMap { $0.count > 2 ? ["\($0.lowerBound)-\($0.upperBound)"] : $0.map { "\($0)" } }
      .joined(separator: ", ")
  }
}
