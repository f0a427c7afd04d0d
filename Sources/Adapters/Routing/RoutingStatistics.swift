import Tensors

/// How a token router spread the tokens it saw.
public final class RoutingStatistics {
  /// Routers side by side, one a block of rank dimensions.
  public let blocks: Int
  public let expertCount: Int
  /// Tokens seen.
  public private(set) var tokenCount = 0
  /// How many tokens gave each expert their largest gate: [block · experts + expert].
  public private(set) var chosen: [Double]
  /// The sum of each expert's gates: [block · experts + expert].
  public private(set) var gateSums: [Double]
  /// The sum of the gates' entropies, in nats, by block.
  public private(set) var entropySums: [Double]

  private let measuresEntropy: Bool

  /// - Parameter measuresEntropy: Whether entropies are wanted, which take most of the time.
  public init(blocks: Int, expertCount: Int, measuresEntropy: Bool = true) {
    (self.blocks, self.expertCount, self.measuresEntropy) = (blocks, expertCount, measuresEntropy)
    chosen = Array(repeating: 0, count: blocks * expertCount)
    gateSums = chosen
    entropySums = Array(repeating: 0, count: blocks)
  }

  /// Adds the gates of some tokens, each of which counts so many times. Shape: (tokens, blocks · experts).
  func add(_ gates: Matrix, times exampleCount: Int = 1) {
    guard exampleCount == 1 else {
      let own = RoutingStatistics(blocks: blocks, expertCount: expertCount, measuresEntropy: measuresEntropy)
      own.add(gates)
      return add(own, times: Double(exampleCount))
    }
    tokenCount += gates.rows
    entropySums.withUnsafeMutableBufferPointer { entropies in
      gates.countRouting(
        width: expertCount, chosen: &chosen, sums: &gateSums, entropies: measuresEntropy ? entropies : nil)
    }
  }

  private func add(_ other: RoutingStatistics, times factor: Double) {
    tokenCount += Int(factor) * other.tokenCount
    for index in chosen.indices {
      chosen[index] += factor * other.chosen[index]
      gateSums[index] += factor * other.gateSums[index]
    }
    for block in entropySums.indices { entropySums[block] += factor * other.entropySums[block] }
  }

  /// The share of all gates that each expert has, over all blocks: sums to 1.
  public var expertShares: [Double] { Self.shares(gateSums, expertCount) }

  /// The share of all choices that fall on each expert, over all blocks: sums to 1.
  public var choiceShares: [Double] { Self.shares(chosen, expertCount) }

  /// The mean entropy of a token's gates, in nats: ln(experts) when they are all alike, 0 when one takes all.
  public var meanEntropy: Double {
    tokenCount == 0 ? .nan : entropySums.reduce(0, +) / Double(tokenCount * blocks)
  }

  private static func shares(_ sums: [Double], _ expertCount: Int) -> [Double] {
    let total = sums.reduce(0, +)
    return (0..<expertCount).map { expert in
      stride(from: expert, to: sums.count, by: expertCount).reduce(0) { $0 + sums[$1] } / total
    }
  }
}
