import Backbones
import Foundation
import ModelTestSupport
import Tensors
import Testing
import Training

@testable import Adapters

/// The routers' own losses: their gradients against central differences, with the routing counts fixed.
struct RouterLossesTests {
  /// What each map's routers did in the batch: how often each expert of each block was chosen, and the tokens seen.
  private final class Counts {
    var chosen: [String: [Double]] = [:]
    var tokens: [String: Double] = [:]
  }

  /// MODE's rule beside what `each` does with every router's gates and log Σ exp.
  private static func routed(
    _ shape: Shape, _ sequences: [TestSequence],
    _ each: @escaping (_ path: String, _ block: Int, _ gates: [Double], _ logSumExp: Double) -> Void
  ) -> ReferenceGPT2.Rule {
    let plain = moDERule(
      expertCount: shape.experts, rank: shape.rank, block: shape.block, scale: 5 / Double(shape.rank))
    return { call, values in
      if let router = values[parameterName(call.path, "router")], seenRow(call, sequences) != nil {
        for block in 0..<shape.blocks {
          let logits = products(part(block, of: shape.blocks, router), call.x)
          each(call.path, block, softmax(logits), log(logits.reduce(0) { $0 + exp($1) }))
        }
      }
      return plain(call, values)
    }
  }

  struct Shape: Sendable {
    let rank, block: Int
    let experts = 3
    var blocks: Int { rank / block }
  }

  @Test(
    arguments: [Shape(rank: 2, block: 1), Shape(rank: 4, block: 2), Shape(rank: 2, block: 2)],
    [RouterLosses(balance: 0.7, z: 0), .init(balance: 0, z: 0.3), .init(balance: 0.4, z: 0.2)])
  func gradientsAgreeWithCentralDifferences(shape: Shape, losses: RouterLosses) throws {
    let sequences = severalTasks, labelCount = Double(PackedBatch(sequences).labelCount)
    var pair = try AdaptedPair(
      adapter(.moDE, ["c_attn", "c_fc"]) { ($0.adapterRank, $0.routerBlock) = (shape.rank, shape.block) }, rule: nil)

    let counts = Counts()
    pair.reference.adapter = Self.routed(shape, sequences) { path, block, gates, _ in
      let best = block * shape.experts + gates.firstIndex(of: gates.max()!)!
      counts.chosen[path, default: Array(repeating: 0, count: shape.blocks * shape.experts)][best] += 1
      counts.tokens[path, default: 0] += 1 / Double(shape.blocks)
    }
    _ = pair.reference.loss(sequences)

    // balance · m Σ f p + z · mean (log Σ exp)², f fixed, as part of a mean that labelCount multiplies.
    let ownLoss = ReferenceGPT2.OwnLoss()
    pair.reference.ownLoss = ownLoss
    pair.reference.adapter = Self.routed(shape, sequences) { path, block, gates, logSumExp in
      let tokens = counts.tokens[path]!, chosen = part(block, of: shape.blocks, counts.chosen[path]!)
      let overlap = zip(gates, chosen).reduce(0) { $0 + $1.0 * $1.1 / tokens }
      ownLoss.sum +=
        labelCount / tokens * (losses.balance * Double(shape.experts) * overlap + losses.z * logSumExp * logSumExp)
    }
    #expect(pair.model.tokenRouters.count == 4)
    for (path, router) in pair.model.tokenRouters {
      router.losses = RouterLosses.AtRouter(
        losses, chosen: counts.chosen[path]!, tokenCount: counts.tokens[path]!, labelCount: labelCount,
        expertCount: shape.experts)
    }
    let disagreements = slopeDisagreements(pair.model, pair.reference, sequences, sampleCount: 4)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: [Shape(rank: 2, block: 1), Shape(rank: 2, block: 2)])
  func statisticsCountChoicesGatesAndEntropy(shape: Shape) throws {
    let sequences = severalTasks
    var pair = try AdaptedPair(
      adapter(.moDE, ["c_attn", "c_fc"]) { ($0.adapterRank, $0.routerBlock) = (shape.rank, shape.block) }, rule: nil)
    var expected: [String: RoutingStatistics] = [:]
    var gateSums: [String: [Double]] = [:], chosen = gateSums, entropies = gateSums
    for (path, router) in pair.model.tokenRouters {
      router.statistics = RoutingStatistics(blocks: shape.blocks, expertCount: shape.experts)
      expected[path] = router.statistics
      gateSums[path] = Array(repeating: 0, count: shape.blocks * shape.experts)
      chosen[path] = gateSums[path]
      entropies[path] = Array(repeating: 0, count: shape.blocks)
    }
    pair.reference.adapter = Self.routed(shape, sequences) { path, block, gates, _ in
      for (expert, gate) in gates.enumerated() { gateSums[path]![block * shape.experts + expert] += gate }
      chosen[path]![block * shape.experts + gates.firstIndex(of: gates.max()!)!] += 1
      entropies[path]![block] -= gates.reduce(0) { $0 + $1 * log($1) }
    }
    _ = pair.reference.loss(sequences)
    _ = pair.model.logits(sequences)
    for (path, statistics) in expected {
      // Sums of a dozen single-precision gates, and of their logarithms.
      #expect(zip(statistics.gateSums, gateSums[path]!).allSatisfy { abs($0 - $1) < 1e-4 }, "\(path)")
      #expect(zip(statistics.entropySums, entropies[path]!).allSatisfy { abs($0 - $1) < 1e-4 }, "\(path)")
      #expect(statistics.chosen == chosen[path])
      #expect(Double(statistics.tokenCount * shape.blocks) == chosen[path]!.reduce(0, +))
      #expect(abs(statistics.expertShares.reduce(0, +) - 1) < 1e-6)
      let mean = entropies[path]!.reduce(0, +) / Double(statistics.tokenCount * shape.blocks)
      #expect(abs(statistics.meanEntropy - mean) < 1e-4)
    }
  }

  @Test func noTokensAndNoLossAddNothing() {
    let router = RouterLosses.AtRouter(
      RouterLosses(balance: 1, z: 1), chosen: [0, 0], tokenCount: 0, labelCount: 0, expertCount: 2)
    let memory = Workspace(minimumChunk: 64)
    let gradient = memory.matrix(1, 2), gates = memory.matrix(1, 2), logSumExp = memory.matrix(1, 1)
    gradient.fill(3)
    gates.fill(0.5)
    logSumExp.fill(2)
    router.addBalance(to: gradient, times: 1)
    router.addLogitSize(to: gradient, gates: gates, logSumExp: logSumExp, times: 1)
    #expect(gradient.array() == [3, 3])
    #expect(!RouterLosses(balance: 0, z: 0).isOn && RouterLosses(balance: 0, z: 0.1).isOn)
    withExtendedLifetime(memory) {}
  }
}
