import Backbones
import Tensors

/// Low-rank adaptation (Hu et al. 2021, eq. 3, for row vectors).
///
///     y = x W + b + s (dropout(x) Aᵀ) Bᵀ        s = α / r, or α / √r (rsLoRA, Kalajdzievski 2023)
///
/// Shapes: A (r, inputs), Kaiming-uniform at first; B (outputs, r), zero at first. With `use_dora` see ``DoRAAdapter``.
public struct LoRA: AdapterMethod {
  public static let keys: [AdapterKey] = [
    .rank, .alpha, .dropout, .rankStabilized, .decomposed, .rankPattern, .alphaPattern,
  ]
  public static let constants: [String: any Sendable] = ["bias": "none", "init_lora_weights": true]

  let configuration: AdapterConfiguration

  public init(_ configuration: AdapterConfiguration, sites: [String]) { self.configuration = configuration }

  public func parameters(at site: Linear) throws -> [SiteParameter] {
    let rank = try adapterRank(at: site.path)
    let factors = [
      SiteParameter(
        suffix: "lora_A.weight", shape: [rank, site.inputs], initialization: .kaimingUniform(inputs: site.inputs)),
      SiteParameter(
        suffix: "lora_B.weight", shape: [site.outputs, rank], initialization: .zeros, role: .upProjection),
    ]
    guard configuration.useDoRA else { return factors }
    return factors + [
      SiteParameter(
        suffix: "lora_magnitude_vector", shape: [site.outputs],
        initialization: .values(site.outputSquares().map { $0.squareRoot() }))
    ]
  }

  public static let suffixes = ["lora_A.weight", "lora_B.weight", "lora_magnitude_vector"]

  /// r (P + Q), and Q magnitudes with DoRA.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    let rank = try adapterRank(at: site.path), r = ParameterFormula("r", rank)
    let (P, Q) = try site.widths(a: ("lora_A.weight", [rank, nil]), b: ("lora_B.weight", [nil, rank]))
    return configuration.useDoRA ? r * (P + Q) + Q : r * (P + Q)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) throws -> any LinearAdapter {
    let scale = Float(try scale(at: site.path))
    let dropout = Dropout(rate: Float(configuration.loraDropout), site: site.path)
    guard configuration.useDoRA else {
      return LoRAAdapter(a: parameters[0], b: parameters[1], scale: scale, dropout: dropout)
    }
    return DoRAAdapter(
      at: site, a: parameters[0], b: parameters[1], magnitude: parameters[2], scale: scale, dropout: dropout)
  }

  /// z, and with DoRA x W, the map's new output and the norms' products.
  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    let rank = (try? adapterRank(at: site.path)) ?? configuration.adapterRank
    let dropped = configuration.loraDropout > 0 ? site.inputs : 0
    guard configuration.useDoRA else {
      return AdapterMemory(keptPerRow: rank, forwardPerRow: dropped, backwardPerRow: rank + 2 * dropped)
    }
    return AdapterMemory(
      keptPerRow: rank + site.outputs, forwardPerRow: dropped, backwardPerRow: rank + site.outputs + 2 * dropped,
      fixed: (2 * rank + 3) * site.outputs)
  }

  /// r at a map.
  func adapterRank(at path: String) throws -> Int {
    try patternValue(configuration.rankPattern, path: path) ?? configuration.adapterRank
  }

  /// s at a map.
  func scale(at path: String) throws -> Double {
    let alpha = try patternValue(configuration.alphaPattern, path: path) ?? configuration.loraAlpha
    let rank = Double(try adapterRank(at: path))
    return alpha / (configuration.useRSLoRA ? rank.squareRoot() : rank)
  }
}

/// LoRA at one linear map.
final class LoRAAdapter: LinearAdapter {
  private let a, b: ParameterPair
  private let scale: Float
  private let dropout: Dropout
  /// z = dropout(x) Aᵀ of the pass under way.
  private var z: Matrix?

  init(a: ParameterPair, b: ParameterPair, scale: Float, dropout: Dropout) {
    (self.a, self.b, self.scale, self.dropout) = (a, b, scale, dropout)
  }

  let needsInput = true

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    base.applyBase(x, into: y, pass)
    let z = pass.kept(x.rows, a.values.rows)
    let mark = pass.scratch.mark()
    z.set(dropout.apply(x, pass).N, a.values.T)
    pass.scratch.release(to: mark)
    y.accumulate(z.N, b.values.T, alpha: scale)
    if pass.keepsActivations { self.z = z }
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x, let z else { preconditionFailure("backward without a forward that keeps activations") }
    self.z = nil
    let mark = pass.scratch.mark()
    // y = x W + b + s z Bᵀ
    base.backwardBase(dy, x: x, into: dx, pass)
    b.gradient.accumulate(dy.T, z.N, alpha: scale)
    let dz = pass.scratch.matrix(z.rows, z.columns)
    dz.set(dy.N, b.values.N, alpha: scale)
    // z = dropout(x) Aᵀ
    a.gradient.accumulate(dz.T, dropout.apply(x, pass).N)
    if let dx { dropout.addBackward(dz, a.values, to: dx, pass) }
    pass.scratch.release(to: mark)
  }
}
