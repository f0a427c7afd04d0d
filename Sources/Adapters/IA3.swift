import Backbones
import CKernels
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

  public func makeAdapter(at site: Linear, _ parameters: [ParameterPair]) -> any LinearAdapter {
    let (l, dl) = (parameters[0].values.base, parameters[0].gradient.base)
    return feedforward.contains(site.path)
      ? InputScaling(scale: l, gradient: dl) : OutputScaling(scale: l, gradient: dl)
  }
}

/// (IA)³ on a map's output.
final class OutputScaling: LinearAdapter {
  private let scale, gradient: UnsafeMutablePointer<Float>
  /// The map's output before scaling, of the pass under way.
  private var unscaled: Matrix?

  init(scale: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>) {
    (self.scale, self.gradient) = (scale, gradient)
  }

  let needsInput = false

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    guard pass.keepsActivations else {
      base.applyBase(x, into: y)
      return ck_scale_columns(y.rows, y.columns, scale, y.base, y.stride)
    }
    let u = pass.saved.matrix(y.rows, y.columns)
    base.applyBase(x, into: u)
    ck_scaled_columns(y.rows, y.columns, scale, u.base, u.stride, y.base, y.stride)
    unscaled = u
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let u = unscaled else { preconditionFailure("backward without a forward that keeps activations") }
    unscaled = nil
    // y = l ∘ u
    ck_add_column_products(dy.rows, dy.columns, dy.base, dy.stride, u.base, u.stride, gradient)
    let mark = pass.scratch.mark()
    let du = pass.scratch.matrix(dy.rows, dy.columns)
    ck_scaled_columns(dy.rows, dy.columns, scale, dy.base, dy.stride, du.base, du.stride)
    // u = x W + b
    base.backwardBase(du, x: x, into: dx)
    pass.scratch.release(to: mark)
  }
}

/// (IA)³ on a map's input.
final class InputScaling: LinearAdapter {
  private let scale, gradient: UnsafeMutablePointer<Float>

  init(scale: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>) {
    (self.scale, self.gradient) = (scale, gradient)
  }

  let needsInput = true

  func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    let mark = pass.scratch.mark()
    base.applyBase(scaled(x, pass), into: y)
    pass.scratch.release(to: mark)
  }

  func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    guard let x else { preconditionFailure("\(base.path): backward without its input") }
    let mark = pass.scratch.mark()
    // y = v W + b
    let dv = dx ?? pass.scratch.matrix(x.rows, x.columns)
    base.backwardBase(dy, x: base.weight.isTrained ? scaled(x, pass) : nil, into: dv)
    // v = l ∘ x
    ck_add_column_products(x.rows, x.columns, dv.base, dv.stride, x.base, x.stride, gradient)
    if let dx { ck_scale_columns(dx.rows, dx.columns, scale, dx.base, dx.stride) }
    pass.scratch.release(to: mark)
  }

  private func scaled(_ x: Matrix, _ pass: Pass) -> Matrix {
    let v = pass.scratch.matrix(x.rows, x.columns)
    ck_scaled_columns(x.rows, x.columns, scale, x.base, x.stride, v.base, v.stride)
    return v
  }
}
