import Foundation

/// A language model in double precision, a token and a number at a time: the plain reading of the formulas.
public protocol ReferenceModel {
  /// All numbers by their names in the files; those of an adapter too.
  var values: [String: [Double]] { get set }
  /// Where an adapter's rule puts losses of its own, beside the labels'; nil: it has none.
  var ownLoss: ReferenceGPT2.OwnLoss? { get }
  /// What a frozen product makes of its operands first, such as rounding them; the model's arrays are used as they are.
  var operand: (Double) -> Double { get set }

  /// The logits at each position that predicts something, and what: a negative label counts nowhere.
  func predictions(_ sequence: TestSequence) -> [(logits: [Double], label: Int32)]

  /// The summed loss of a sequence's labels.
  func loss(of sequence: TestSequence) -> Double
}

/// A model that reads one sequence, each position seeing those before it.
public protocol ReferenceCausalModel: ReferenceModel {
  /// The logits at every position of one sequence.
  func logits(_ tokens: [Int32], ordinal: UInt64, task: Int) -> [[Double]]
}

extension ReferenceCausalModel {
  public func predictions(_ sequence: TestSequence) -> [(logits: [Double], label: Int32)] {
    let logits = logits(sequence.tokens, ordinal: sequence.ordinal, task: sequence.task)
    return zip(logits, sequence.labels.dropFirst()).map { ($0, $1) }
  }
}

extension ReferenceModel {
  /// The summed cross-entropy of a sequence's labels, in nats.
  public func loss(of sequence: TestSequence) -> Double { crossEntropy(predictions(sequence)) }

  func crossEntropy(_ predictions: [(logits: [Double], label: Int32)]) -> Double {
    predictions.reduce(0) { sum, pair in
      pair.label < 0 ? sum : sum + log(pair.logits.reduce(0) { $0 + exp($1) }) - pair.logits[Int(pair.label)]
    }
  }

  /// The summed loss of all labels.
  public func loss(_ sequences: [TestSequence]) -> Double { sequences.reduce(0) { $0 + loss(of: $1) } }

  /// The slope of ``loss(_:)`` and the adapter's own loss along one number, by central differences.
  public func slope(_ name: String, _ index: Int, _ sequences: [TestSequence]) -> Double {
    let step = 1e-4  // error: step² times the third derivative, about 1e-8
    var moved = self
    moved.values[name]![index] += step
    let above = moved.wholeLoss(sequences)
    moved.values[name]![index] -= 2 * step
    return (above - moved.wholeLoss(sequences)) / (2 * step)
  }

  private func wholeLoss(_ sequences: [TestSequence]) -> Double {
    ownLoss?.sum = 0
    let loss = loss(sequences)
    return loss + (ownLoss?.sum ?? 0)
  }
}
