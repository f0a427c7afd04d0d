import Backbones
import Tensors

/// (IA)³ (Liu et al. 2022): one learnt vector a map, starting at ones.
///
///     y = l ∘ (x W + b)          an attention map: l has as many numbers as outputs, stored (outputs, 1)
///     y = (l ∘ x) W + b          a feed-forward map: as many as inputs, stored (1, inputs)
public struct IA3: AdapterMethod {
  public static let keys: [AdapterKey] = [.feedforwardModules]
  public static let constants: [String: any Sendable] = ["init_ia3_weights": true]

  /// The maps whose input is scaled, not their output.
  let feedforward: Set<String>

  public init(_ configuration: AdapterConfiguration, sites: [String]) throws {
    feedforward = try configuration.feedforwardModules?.matches(sites) ?? []
  }

  public func parameters(at site: Linear) -> [SiteParameter] {
    let shape = feedforward.contains(site.path) ? [1, site.inputs] : [site.outputs, 1]
    return [SiteParameter(suffix: "ia3_l", shape: shape, initialization: .ones)]
  }

  public static let suffixes = ["ia3_l"]

  public static func activeRank(_ configuration: AdapterConfiguration) -> Int? { nil }

  /// Q at an attention map, P at a feed-forward one.
  public func parameterFormula(at site: SavedSite) throws -> ParameterFormula {
    feedforward.contains(site.path)
      ? ParameterFormula("P", try site.tensor("ia3_l", shape: [1, nil]).shape[1])
      : ParameterFormula("Q", try site.tensor("ia3_l", shape: [nil, 1]).shape[0])
  }

  /// A scaled copy of the input, or the output before it is scaled.
  public func passMemory(at site: Linear, tasks: Int) -> AdapterMemory {
    feedforward.contains(site.path)
      ? AdapterMemory(keptPerRow: 0, forwardPerRow: site.inputs, backwardPerRow: 2 * site.inputs)
      : AdapterMemory(keptPerRow: site.outputs, backwardPerRow: site.outputs, readsInput: false)
  }

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let (values, gradient) = parameters[0]
    let (l, dl) = (values.reshaped(columns: values.count), gradient.reshaped(columns: values.count))
    return feedforward.contains(site.path)
      ? InputScaling(scale: l, gradient: dl) : OutputScaling(scale: l, gradient: dl)
  }
}

/// (IA)³ on a map's output.
final class OutputScaling: LinearAdapter {
  private let scale, gradient: Matrix
  /// The map's output before scaling, of the pass under way.
  private var unscaled: Matrix?

  init(scale: Matrix, gradient: Matrix) {
    (self.scale, self.gradient) = (scale, gradient)
  }

  let needsInput = false

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    guard pass.keepsActivations else {
      base.applyBase(x, into: y, pass)
      return y.scaleColumns(by: scale)
    }
    let u = pass.saved.matrix(y.rows, y.columns)
    base.applyBase(x, into: u, pass)
    y.setColumns(of: u, scaledBy: scale)
    unscaled = u
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let u = unscaled else { preconditionFailure("backward without a forward that keeps activations") }
    unscaled = nil
    // y = l ∘ u
    dy.addColumnProducts(u, to: gradient)
    let mark = pass.scratch.mark()
    let du = pass.scratch.matrix(dy.rows, dy.columns)
    du.setColumns(of: dy, scaledBy: scale)
    // u = x W + b
    base.backwardBase(du, x: x, into: dx, pass)
    pass.scratch.release(to: mark)
  }
}

/// (IA)³ on a map's input.
final class InputScaling: LinearAdapter {
  private let scale, gradient: Matrix

  init(scale: Matrix, gradient: Matrix) {
    (self.scale, self.gradient) = (scale, gradient)
  }

  let needsInput = true

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    let mark = pass.scratch.mark()
    base.applyBase(scaled(x, pass), into: y, pass)
    pass.scratch.release(to: mark)
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x else { preconditionFailure("\(base.path): backward without its input") }
    let mark = pass.scratch.mark()
    // y = v W + b
    let dv = dx ?? pass.scratch.matrix(x.rows, x.columns)
    base.backwardBase(dy, x: base.weight.isTrained ? scaled(x, pass) : nil, into: dv, pass)
    // v = l ∘ x
    dv.addColumnProducts(x, to: gradient)
    if let dx { dx.scaleColumns(by: scale) }
    pass.scratch.release(to: mark)
  }

  private func scaled(_ x: Matrix, _ pass: Pass) -> Matrix {
    let v = pass.scratch.matrix(x.rows, x.columns)
    v.setColumns(of: x, scaledBy: scale)
    return v
  }
}
