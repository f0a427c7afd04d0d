import Backbones
import Tensors

/// Which experts a pass uses and how much each counts at every token: the half of a mixture that methods differ in.
///
/// Gates lie in a matrix (tokens, blocks · experts in use), block by block.
protocol Gates: AnyObject {
  /// The router whose product with the input gives the logits of the gates, (gates, inputs); nil if gates do not depend
  /// on the input.
  var router: ParameterPair? { get }

  /// The experts that count anywhere in the pass, in rising order; at least one.
  func experts(in pass: Pass) -> [Int32]

  /// Gates a token has.
  func width(_ experts: [Int32]) -> Int

  /// Makes gates of the logits, in place; without a router there is nothing to read.
  func open(_ gates: Matrix, _ experts: [Int32], _ pass: Pass)

  /// Turns the gates' gradient into that of the logits, in place, or, without a router, adds up the gradients of what
  /// the gates come from.
  func close(gradient: Matrix, gates: Matrix, _ experts: [Int32], _ pass: Pass)
}
