import Adapters
import Backbones
import Checkpoints
import MessagePassing
import Tasks
import Tensors

/// Compares a merged model with the model and its adapter on a few examples.
public struct MergeProbe {
  /// What the comparison found.
  public struct Result: Sendable, Equatable {
    /// The largest absolute difference of two logits.
    public let difference: Double
    /// The largest absolute logit of the adapted model.
    public let largest: Double
    public let logitCount: Int

    /// The precision that both models were held in.
    public let precision: Precision

    /// Whether the rounding of weights to these types, and to what both models were held in, explains the difference.
    public func isSound(in dataTypes: [DataType]) -> Bool {
      let tolerance = MergeProbe.tolerance(for: dataTypes, precision)
      return difference.isFinite && difference <= tolerance * max(largest, 1)
    }
  }

  /// Differences relative to the largest logit beyond which a merge is not sound. Single roundings make some 1e-6 in 32
  /// bits; in 16 some 1e-3 (F16) and 1e-2 (BF16), with room for deep models.
  public static func tolerance(for dataTypes: [DataType], _ precision: Precision) -> Double {
    dataTypes == [.float32] && precision == .fp32 ? 1e-3 : 0.1
  }

  private let inputs: Scorer.Inputs

  /// - Parameter inputs: With the route and the head that each has in the adapted model.
  public init(_ inputs: Scorer.Inputs) { self.inputs = inputs }

  /// A few sequences of tokens drawn from the whole vocabulary, always the same for a model.
  ///
  /// - Parameter route: Theirs; nil: the first.
  public init(_ model: AdapterModel, route: Int?) {
    let backbone = model.backbone, route = route ?? 0, names = model.configuration?.lineTasks ?? []
    let head = model.headChoice(of: names.indices.contains(route) ? names[route] : nil)
    let classifies = backbone.architecture == .encoderOnly && model.head(head) != nil
    let examples = (0..<4).map { place in
      let key = RandomKey(seed: 0).child("merge probe").child(UInt64(place))
      let tokens = Self.tokens(key, min(16, backbone.maximumLength), of: backbone)
      let labels: [Int32] =
        switch backbone.architecture {
        case .decoderOnly: tokens.map { _ in TokenizedExample.noLabel }
        case .encoderDecoder: Self.tokens(key.child("labels"), 8, of: backbone)
        case .encoderOnly: classifies ? [] : tokens.map { _ in TokenizedExample.noLabel }
        }
      return TokenizedExample(id: "\(place)", inputIds: tokens[...], labels: labels[...], promptLength: tokens.count)
    }
    inputs = Scorer.Inputs(examples, routes: examples.map { _ in route }, heads: examples.map { _ in head })
  }

  private static func tokens(_ key: RandomKey, _ count: Int, of backbone: any Backbone) -> [Int32] {
    var lots = [Float](repeating: 0, count: count)
    lots.withUnsafeMutableBufferPointer { key.fillUniform($0, low: 0, high: 1) }
    return lots.map { Int32(min(Int($0 * Float(backbone.vocabularySize)), backbone.vocabularySize - 1)) }
  }

  /// Compares the adapted model with the one in a merged folder, both held alike.
  ///
  /// - Parameters:
  ///   - precision: How the adapted model is held.
  ///   - alone: A communicator of this process alone.
  /// - Returns: nil where the model has no head, so that there are no logits.
  /// - Throws: What loading the folder throws.
  public func compare(
    _ adapted: AdapterModel, with folder: ModelFolder, precision: Precision, ranks: Ranks, alone: Communicator
  ) throws -> Result? {
    let loaded = try BackboneLoader.load(folder, node: alone, precision: precision)
    let merged = AdapterModel(bare: loaded.backbone)
    var difference = 0.0, largest = 0.0, count = 0
    let before = Scorer(adapted, ranks: ranks), after = Scorer(merged, ranks: ranks)
    // The merged model knows no tasks, and a task's head is its own now.
    let plain = Scorer.Inputs(inputs.examples, routes: inputs.routes.map { _ in 0 })
    let hasLogits = inputs.examples.indices.allSatisfy {
      before.hasLogits($0, of: inputs) && after.hasLogits($0, of: plain)
    }
    for place in hasLogits ? inputs.examples.indices : 0..<0 {
      let old = before.logits(place, of: inputs), new = after.logits(place, of: plain)
      precondition(old.count == new.count, "\(old.count) logits of the adapted model, \(new.count) of the merged one")
      for (first, second) in zip(old, new) {
        largest = max(largest, Double(abs(first)))
        // Not a number is no small difference.
        difference = (first - second).isFinite ? max(difference, Double(abs(first - second))) : .infinity
      }
      count += old.count
    }
    try loaded.weights.free()
    guard hasLogits else { return nil }
    return Result(difference: difference, largest: largest, logitCount: count, precision: precision)
  }
}
