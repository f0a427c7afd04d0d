import Backbones
import Tensors

/// MoLoRA with a shared down-projection (arXiv 2408.01505, section 3): one A for all experts. HydraLoRA (Tian et al. 2024)
/// is the same map.
///
///     y = x W + b + (α / r) Σ_i g_i(x) (dropout(x) Aᵀ) B_iᵀ        g = softmax(x Rᵀ)
///
/// Shapes: A (r, inputs), N(0, 0.01²) at first, as the paper starts its LoRAs (it does not say how it starts the
/// mixtures; HydraLoRA's code starts A and R Kaiming-uniform); R (experts, inputs), N(0, 0.02²) as MoLoRA's;
/// B (experts, outputs, r), zero.
public struct MoLoRASD: AdapterMethod {
  public static let keys: [AdapterKey] = [.rank, .alpha, .dropout, .expertCount]
  public static let routing = Routing.token

  private let general: MoDE

  public init(_ configuration: AdapterConfiguration, sites: [String]) throws {
    var whole = configuration
    whole.routerBlock = configuration.adapterRank
    general = try MoDE(whole, sites: sites)
  }

  /// MoDE's, with one router for all rank dimensions.
  public func parameters(at site: Linear) -> [SiteParameter] {
    general.parameters(at: site).map { parameter in
      parameter.suffix != "router"
        ? parameter
        : SiteParameter(
          suffix: parameter.suffix, shape: Array(parameter.shape.dropFirst()),
          initialization: parameter.initialization, role: parameter.role)
    }
  }

  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory { general.passMemory(at: site, tasks: tasks) }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    general.makeAdapter(at: site, parameters)
  }
}

// MARK: - What is saved

extension MoLoRASD {
  /// MoDE's, whose routers do not count.
  public static func multiplyAdds(_ configuration: AdapterConfiguration, inputs: Int, outputs: Int) -> Int {
    MoDE.multiplyAdds(configuration, inputs: inputs, outputs: outputs)
  }

  public static let suffixes = MoDE.suffixes

  /// MoDE's with p = r: r P + m r Q + m P.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    try general.parameterFormula(at: site)
  }
}
