import Adapters
import Foundation
import JSON
import Training

/// How token routers spread the tokens of some examples, as `inspect --data` shows it.
struct TokenRoutingInspection {
  /// The share of 1 / m below which an expert that no token puts first is dead.
  static let deadShare = 0.01
  /// Experts above which the smallest and the largest share stand for all.
  private static let expertLimit = 8

  private let maps: [(path: String, statistics: RoutingStatistics)]

  init(_ maps: [(path: String, statistics: RoutingStatistics)]) { self.maps = maps }

  var note: String {
    "Measured on \(Formatting.count(maps.first?.statistics.tokenCount ?? 0)) tokens, every position counted. An expert "
      + "is dead where it is no token's first choice and its share of the gates is below 1 % of an even one."
  }

  var table: Table {
    let experts = maps.map(\.statistics.expertCount).max() ?? 0, isWide = experts > Self.expertLimit
    let shares = isWide ? ["smallest share", "largest share"] : (0..<experts).map { "expert \($0)" }
    var table = Table(
      columns: [
        .init("map"), .init("routers", .right), .init("entropy in nats", .right),
        .init("of ln \(experts)", .right), .init("dead", .right),
      ] + shares.map { .init($0, .right) })
    for (path, statistics) in maps {
      let found = statistics.expertShares
      let shown = isWide ? [found.min() ?? .nan, found.max() ?? .nan] : found
      table.append(
        [
          path, "\(statistics.blocks)", Formatting.number(statistics.meanEntropy),
          statistics.entropyShare.map(Formatting.percent) ?? "-", "\(statistics.deadExperts.count)",
        ] + shown.map(Formatting.percent))
    }
    return table
  }

  var json: JSONValue {
    [
      "kind": "token", "tokens": .int(maps.first?.statistics.tokenCount ?? 0),
      "maps": .array(
        maps.map { path, statistics in
          [
            "map": .string(path), "routers": .int(statistics.blocks), "experts": .int(statistics.expertCount),
            "shares": .array(statistics.expertShares.map { .double($0) }),
            "first_choices": .array(statistics.choiceShares.map { .double($0) }),
            "mean_entropy": .double(statistics.meanEntropy),
            "entropy_share": statistics.entropyShare.map { .double($0) } ?? .null,
            "dead_experts": .array(
              statistics.deadExperts.map { ["router": .int($0.block), "expert": .int($0.expert)] }),
          ]
        }),
    ]
  }
}

extension RoutingStatistics {
  /// The mean entropy as a share of ln m, its most; nil with a single expert.
  var entropyShare: Double? { expertCount > 1 ? meanEntropy / log(Double(expertCount)) : nil }

  /// The experts of each router that no token puts first and that get next to nothing of the gates, see
  /// ``TokenRoutingInspection/deadShare``.
  var deadExperts: [(block: Int, expert: Int)] {
    let limit = TokenRoutingInspection.deadShare / Double(expertCount) * Double(tokenCount)
    return chosen.indices.filter { chosen[$0] == 0 && gateSums[$0] < limit }
      .map { ($0 / expertCount, $0 % expertCount) }
  }
}
