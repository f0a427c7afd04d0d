import Foundation

extension Evaluator {
  /// One answer and what it is measured against.
  public struct Prediction: Codable, Sendable {
    public let task: String
    public let id: String
    public let prediction: String
    public let references: [String]
    /// Summed cross-entropy of the test set's own answer, in nats, over `labelCount` tokens; nil if it is not finite.
    public let lossSum: Double?
    public let labelCount: Int
    /// Each label's score, where labels are ranked: its log-likelihood, or the mean of its tokens'.
    public let labelScores: [String: Double]?

    enum CodingKeys: String, CodingKey {
      case task, id, prediction, references
      case labelScores = "label_scores"
      case lossSum = "loss_sum"
      case labelCount = "label_count"
    }
  }

  /// The scores of every task, and every answer in the order of the test sets.
  public struct Result: Sendable {
    public let tasks: [EvaluationRecord.Task]
    public let predictions: [Prediction]
  }
}

extension Evaluator.Result {
  /// The predictions as JSON lines.
  public func predictionLines() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try predictions.reduce(into: Data()) { $0 += try encoder.encode($1) + [UInt8(ascii: "\n")] }
  }
}
