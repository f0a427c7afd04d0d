import Adapters
import Backbones

extension AdapterModel {
  /// Floating-point operations of the matrix products of one sequence's forward and backward pass with frozen weights:
  /// the backbone's, and those of adapters of rank r, whose forward pass, input gradient and two parameter gradients
  /// make 3 times forward.
  public func trainingOperations(tokenCount: Int, labelCount: Int) -> Double {
    backbone.trainingOperations(tokenCount: tokenCount, labelCount: labelCount)
      + 2 * Double(parameters.count) * Double(tokenCount) * 3
  }
}
