import Backbones
import Tensors

/// MoLoRA, a soft mixture of LoRAs (Zadouri et al. 2023): every token weighs all experts.
///
///     y = x W + b + (α / r) Σ_i g_i(x) (dropout(x) A_iᵀ) B_iᵀ        g = softmax(x Rᵀ)
///
/// Shapes: A (experts, r, inputs), N(0, 0.02²) at first as in its authors' code; R (experts, inputs), N(0, 0.02²);
/// B (experts, outputs, r), zero.
public struct MoLoRA: AdapterMethod {
  public static let keys: [AdapterKey] = [.rank, .alpha, .dropout, .expertCount]
  public static let routing = Routing.token

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) { self.configuration = configuration }

  public func parameters(at site: Linear) -> [SiteParameter] {
    let (experts, rank) = (configuration.expertCount, configuration.adapterRank)
    return [
      SiteParameter(
        suffix: "lora_A", shape: [experts, rank, site.inputs], initialization: .normal(standardDeviation: 0.02)),
      SiteParameter(
        suffix: "router", shape: [experts, site.inputs], initialization: .normal(standardDeviation: 0.02), role: .router
      ),
      SiteParameter(
        suffix: "lora_B", shape: [experts, site.outputs, rank], initialization: .zeros, role: .upProjection),
    ]
  }

  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    let experts = configuration.expertCount
    return ProductMixture.memory(at: site, configuration, experts: experts, gates: experts)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let router = TokenRouter(
      parameters[1], inputs: site.inputs, blocks: 1, expertCount: configuration.expertCount)
    return ProductMixture(
      at: site, a: parameters[0], b: parameters[2], configuration: configuration, gates: router)
  }
}

// MARK: - What is saved

extension MoLoRA {
  public static let suffixes = ["lora_A", "lora_B", "router"]

  /// Experts side by side are one product of rank m r.
  public static func activeRank(_ configuration: AdapterConfiguration) -> Int? {
    configuration.expertCount * configuration.adapterRank
  }

  /// m r (P + Q) + m P.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let (experts, rank) = (configuration.expertCount, configuration.adapterRank)
    let (P, Q) = try site.widths(a: ("lora_A", [experts, rank, nil]), b: ("lora_B", [experts, nil, rank]))
    let m = ParameterFormula("m", experts), r = ParameterFormula("r", rank)
    return m * r * (P + Q) + m * P
  }
}
