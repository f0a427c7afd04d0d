import Backbones
import Tensors

/// MoDE, a mixture of dyadic experts (arXiv 2408.01505, section 4): every rank dimension, or block of p of them, has a
/// router of its own, and experts share the down-projection.
///
///     y = x W + b + (α / r) Σ_k Σ_i g_k,i(x) (dropout(x) A_kᵀ) B_k,iᵀ        g_k = softmax(x R_kᵀ)
///
/// k runs over the r / p blocks: p = 1 (`router_block`) is MoDE, p = r is MOLORA_SD. The paper's formula has no scale; here
/// it is α / r as in the other methods, 1 with α = r.
///
/// Shapes: A (r, inputs), N(0, 0.01²) at first (the paper does not say how MoDE starts, only its LoRAs); R (blocks, experts,
/// inputs), N(0, 0.02²) as MoLoRA's; B (experts, outputs, r), zero.
public struct MoDE: AdapterMethod {
  public static let keys: [AdapterKey] = [.rank, .alpha, .dropout, .expertCount, .routerBlock]
  public static let routing = Routing.token

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) throws {
    guard configuration.adapterRank % configuration.routerBlock == 0 else {
      throw AdapterError.indivisible(
        "r", configuration.adapterRank, by: "router_block", configuration.routerBlock, module: nil)
    }
    self.configuration = configuration
  }

  private var blocks: Int { configuration.adapterRank / configuration.routerBlock }

  public func parameters(at site: Linear) -> [SiteParameter] {
    let (experts, rank) = (configuration.expertCount, configuration.adapterRank)
    return [
      SiteParameter(suffix: "lora_A", shape: [rank, site.inputs], initialization: .normal(standardDeviation: 0.01)),
      SiteParameter(
        suffix: "router", shape: [blocks, experts, site.inputs], initialization: .normal(standardDeviation: 0.02),
        role: .router),
      SiteParameter(
        suffix: "lora_B", shape: [experts, site.outputs, rank], initialization: .zeros, role: .upProjection),
    ]
  }

  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    let experts = configuration.expertCount
    return ProductMixture.memory(
      at: site, configuration, experts: experts, gates: blocks * experts, sharesDown: true)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let router = TokenRouter(
      parameters[1], inputs: site.inputs, blocks: blocks, expertCount: configuration.expertCount)
    return ProductMixture(
      at: site, a: parameters[0], b: parameters[2], configuration: configuration, block: configuration.routerBlock,
      sharesDown: true, gates: router)
  }
}

// MARK: - What is saved

extension MoDE {
  /// The experts share A and have a B each: r (P + m Q).
  public static func multiplyAdds(_ configuration: AdapterConfiguration, inputs: Int, outputs: Int) -> Int {
    configuration.adapterRank * (inputs + configuration.expertCount * outputs)
  }

  public static let suffixes = ["lora_A", "lora_B", "router"]

  /// r P + m r Q + (r / block) m P.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let (experts, rank) = (configuration.expertCount, configuration.adapterRank)
    let (P, Q) = try site.widths(a: ("lora_A", [rank, nil]), b: ("lora_B", [experts, nil, rank]))
    let m = ParameterFormula("m", experts), r = ParameterFormula("r", rank)
    let factors = r * P + m * r * Q
    switch configuration.routerBlock {
    case rank: return factors + m * P
    case 1: return factors + r * m * P
    default: return factors + r / ParameterFormula("block", configuration.routerBlock) * m * P
    }
  }
}
