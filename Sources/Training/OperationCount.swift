import Adapters
import Backbones

extension AdapterModel {
  /// Floating-point operations of the matrix products of one sequence's forward and backward pass with frozen weights:
  /// the backbone's, and those of the adapter's low-rank products and token routers, whose forward pass, input gradient
  /// and parameter gradient make 3 times forward.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let adapted = backbone.linears.filter { $0.adapter != nil }
    let products = adapted.reduce(0) { total, linear in
      total + (configuration?.multiplyAdds(inputs: linear.inputs, outputs: linear.outputs) ?? 0)
    }
    let routers = tokenRouters.reduce(0) { $0 + $1.router.weightCount }
    return backbone.trainingOperations(tokenCount: tokenCount, labelCount: labelCount)
      + 2 * Double(products + routers) * Double(tokenCount) * 3
  }
}
