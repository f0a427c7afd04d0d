import Tensors

/// Losses on token routers themselves, added to the mean loss of the labels. Each router (a map's, and of it each block's)
/// adds its own:
///
///     balance · m Σ_i f_i p_i          f_i: share of the batch's tokens whose largest gate is expert i's
///                                      p_i: mean of expert i's gate over the batch's tokens
///     z · mean (log Σ_i exp logit_i)²
///
/// Fedus et al. 2021, equations 4 to 6, and Zoph et al. 2022, equation 5. The batch is the whole one, of all ranks, so its
/// routing must be counted before the first backward pass. f has no gradient. The tokens are those that the router sees:
/// behind attention in a model's last block, where labels alone go on, the label positions. A token that several examples
/// share counts once for each.
public struct RouterLosses: Sendable, Equatable {
  public var balance: Double
  public var z: Double

  public init(balance: Double, z: Double) { (self.balance, self.z) = (balance, z) }

  public var isOn: Bool { balance > 0 || z > 0 }

  /// What one router needs to know of the whole batch.
  final class AtRouter {
    /// The gradient of the batch's summed loss by each gate, the same for every token.
    private let gateGradient: [Float]
    /// What 2 log Σ exp is multiplied by.
    private let logitScale: Float
    private let expertCount: Int

    /// - Parameters:
    ///   - chosen: How many tokens gave each expert their largest gate, [block · experts + expert].
    ///   - tokenCount: Tokens that the router sees in the batch.
    ///   - labelCount: By which the summed gradient is divided in the end.
    init(
      _ losses: RouterLosses, chosen: [Double], tokenCount: Double, labelCount: Double, expertCount: Int
    ) {
      self.expertCount = expertCount
      let perToken = tokenCount > 0 ? labelCount / tokenCount : 0
      gateGradient = chosen.map {
        Float(losses.balance * Double(expertCount) * $0 / max(tokenCount, 1) * perToken)
      }
      logitScale = Float(losses.z * perToken)
    }

    /// Shape: (tokens, blocks · experts).
    ///
    /// - Parameter exampleCount: How many examples have these tokens in common.
    func addBalance(to gradient: Matrix, times exampleCount: Int) {
      gradient.addToRows(exampleCount == 1 ? gateGradient : gateGradient.map { Float(exampleCount) * $0 })
    }

    /// Adds the z loss's gradient to that of the logits.
    func addLogitSize(to gradient: Matrix, gates: Matrix, logSumExp: Matrix, times exampleCount: Int) {
      gradient.addGroups(
        width: expertCount, of: gates, times: 2 * Float(exampleCount) * logitScale, factors: logSumExp)
    }
  }
}

extension AdapterModel {
  /// From now on every pass adds its routing to fresh ``RoutingStatistics`` of each token router.
  public func startCountingRouting() {
    for (_, router) in tokenRouters {
      router.statistics = RoutingStatistics(
        blocks: router.blocks, expertCount: router.expertCount, measuresEntropy: false)
    }
  }

  /// Stops counting, and returns what there is to add up over ranks: of each router the tokens it saw, how many of them
  /// chose each expert, and each expert's summed gates.
  public func takeRoutingCounts() -> [Double] {
    tokenRouters.flatMap { _, router in
      defer { router.statistics = nil }
      guard let statistics = router.statistics else { preconditionFailure("routing was not counted") }
      return [Double(statistics.tokenCount)] + statistics.chosen + statistics.gateSums
    }
  }

  /// Adds the routers' own losses to coming backward passes.
  ///
  /// - Parameters:
  ///   - counts: ``takeRoutingCounts()`` of the whole batch, added up over parts and ranks.
  ///   - labelCount: By which the summed gradient is divided in the end.
  /// - Returns: m Σ f p, the mean over the routers: 1 when all experts are used alike. Its last bits depend on the number
  ///   of ranks; the losses' gradients do not.
  public func setRouterLosses(_ losses: RouterLosses, counts: [Double], labelCount: Double) -> Double {
    var start = 0, balance = 0.0, routerCount = 0
    for (_, router) in tokenRouters {
      let size = router.blocks * router.expertCount, tokens = counts[start]
      let chosen = Array(counts[start + 1..<start + 1 + size]), gates = counts[start + 1 + size..<start + 1 + 2 * size]
      router.losses = RouterLosses.AtRouter(
        losses, chosen: chosen, tokenCount: tokens, labelCount: labelCount, expertCount: router.expertCount)
      let products = zip(chosen, gates).reduce(0) { $0 + $1.0 * $1.1 }
      balance += Double(router.expertCount) * products / max(tokens * tokens, 1)
      routerCount += router.blocks
      start += 1 + 2 * size
    }
    return balance / Double(max(routerCount, 1))
  }
}
