import Backbones
import Tensors

/// A router that every token asks: softmax over the experts, in fp32, without top-k, temperature or noise.
///
///     g_k = softmax(x R_kᵀ)        one for each block k of rank dimensions
///
/// Shape: R (blocks · experts, inputs). Zadouri et al. 2023, section 3.1, with one block; MoDE (arXiv 2408.01505) with
/// a router for every block.
public final class TokenRouter: Gates {
  let router: ParameterPair?
  /// Routers side by side, one a block of rank dimensions; and the experts each weighs.
  public let blocks, expertCount: Int
  private let everyExpert: [Int32]
  /// When set, every pass adds its routing to it; what is computed again adds nothing.
  public var statistics: RoutingStatistics?
  /// When set, backward passes add the gradients of the routers' own losses.
  var losses: RouterLosses.AtRouter?
  /// log Σ exp of each block's logits, (tokens, blocks), of the pass under way, if a loss asks for it.
  private var logSumExp: Matrix?

  init(_ router: ParameterPair, inputs: Int, blocks: Int, expertCount: Int) {
    self.router = (router.values.reshaped(columns: inputs), router.gradient.reshaped(columns: inputs))
    (self.blocks, self.expertCount) = (blocks, expertCount)
    everyExpert = Array(0..<Int32(expertCount))
  }

  /// Numbers in R.
  public var weightCount: Int { router?.values.count ?? 0 }

  func experts(in pass: Pass) -> [Int32] { everyExpert }

  func width(_ experts: [Int32]) -> Int { blocks * expertCount }

  func open(_ gates: Matrix, _ experts: [Int32], _ pass: Pass) {
    logSumExp = losses != nil && pass.keepsActivations ? pass.saved.matrix(gates.rows, blocks) : nil
    gates.applyGroupSoftmax(width: expertCount, logSumExp: logSumExp)
    guard let statistics, !pass.isRepeated else { return }
    for (rows, exampleCount) in pass.rows.shares { statistics.add(gates.rows(rows), times: exampleCount) }
  }

  func close(gradient: Matrix, gates: Matrix, _ experts: [Int32], _ pass: Pass) {
    if let losses {
      for (rows, exampleCount) in pass.rows.shares { losses.addBalance(to: gradient.rows(rows), times: exampleCount) }
    }
    gradient.applyGroupSoftmaxGradient(width: expertCount, gates)
    if let losses, let logSumExp {
      for (rows, exampleCount) in pass.rows.shares {
        losses.addLogitSize(
          to: gradient.rows(rows), gates: gates.rows(rows), logSumExp: logSumExp.rows(rows), times: exampleCount)
      }
    }
    logSumExp = nil
  }
}

/// An adapter whose experts tokens may choose: what counts and balances routing looks for.
protocol TokenRouted: LinearAdapter {
  /// nil: it is routed otherwise.
  var tokenRouter: TokenRouter? { get }
}
