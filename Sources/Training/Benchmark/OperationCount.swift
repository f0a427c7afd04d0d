import Adapters
import Backbones

extension AdapterModel {
  /// Floating-point operations of the matrix products of one sequence's forward and backward pass with frozen weights:
  /// the backbone's, and those of the adapter's low-rank products and token routers, whose forward pass, input gradient
  /// and parameter gradient make 3 times forward.
  ///
  /// - Parameter tokenCount: Of prompt and answer; of the prompt alone in an encoder-decoder model.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let routers = Dictionary(uniqueKeysWithValues: tokenRouters.map { ($0.path, $0.router.weightCount) })
    let multiplyAdds = backbone.linears.filter { $0.adapter != nil }.reduce(0.0) { total, linear in
      let products = configuration?.multiplyAdds(inputs: linear.inputs, outputs: linear.outputs) ?? 0
      let rows = backbone.rowCount(of: linear, tokenCount: tokenCount, labelCount: labelCount)
      return total + Double(products + (routers[linear.path] ?? 0)) * Double(rows)
    }
    return backbone.trainingOperations(tokenCount: tokenCount, labelCount: labelCount) + 2 * multiplyAdds * 3
  }
}
