import Adapters
import Backbones

extension AdapterModel {
  /// Floating-point operations of the matrix products of one sequence's forward and backward pass with frozen weights.
  ///
  /// Two a multiply-add. Frozen maps: forward and input gradient. Below the lowest adapter no input gradient is needed,
  /// above attention in the last layer only label rows go on, and logits exist at labels alone; what is skipped is not
  /// counted. Adapters of rank r: forward, input gradient and two parameter gradients, 3 times forward. Attention:
  /// the causal half of scores and mixing, forward and twice that backward; the scores that backward computes again
  /// are not counted.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    let tokens = Double(tokenCount), labels = Double(labelCount)
    let linears = backbone.linears
    let lastLayer = linears.suffix(3)  // after attention: c_proj, c_fc, c_proj
    var total = 0.0
    for (place, linear) in linears.enumerated() {
      let rows = lastLayer.contains { $0 === linear } ? labels : tokens
      let passes = place == 0 ? 1.0 : 2.0
      total += 2 * Double(linear.weight.count) * rows * passes
    }
    let adapters = Double(parameters.count)
    total += 2 * adapters * tokens * 3
    let width = Double(backbone.head.weight.shape[1])
    let layers = Double(linears.count / 4)
    total += 2 * layers * width * tokens * tokens * 3
    return total + 2 * Double(backbone.head.weight.count) * labels * 2
  }
}
