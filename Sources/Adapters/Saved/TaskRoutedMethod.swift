/// A method that treats all tokens of a task alike: what a task sees of it is one plain LoRA.
///
/// Without the noise of training, as in evaluation.
public protocol TaskRoutedMethod: AdapterMethod {
  /// r and α of that LoRA, the same at every map.
  var taskLoRA: (adapterRank: Int, alpha: Double) { get }

  /// A and B of that LoRA at a map.
  ///
  /// - Throws: ``AdapterError`` or ``SavedAdapterError`` for tensors that are missing or have other shapes.
  func factors(of task: Int, at site: SavedSite) throws -> TaskFactors

  /// What each of a task's ``weights(of:at:)`` is the weight of; empty where a task has nothing to choose.
  var skillNames: [String] { get }

  /// A task's weights at a map.
  ///
  /// - Throws: As ``factors(of:at:)``.
  func weights(of task: Int, at site: SavedSite) throws -> [Double]
}

/// One task's LoRA at a map. Shapes: A (r, inputs), B (outputs, r), both in row-major order.
public struct TaskFactors: Sendable, Equatable {
  public let a, b: [Float]
  public let inputs, outputs: Int
}
