import Backbones
import Foundation
import Tasks

/// A test example to be answered.
struct TestQuestion {
  /// The prompt, and the test set's own answer.
  let example: TokenizedExample
  /// The adapter's task that it is routed by.
  let route: Int
  /// What classifies it, if the model classifies.
  let head: HeadChoice
}

/// What a model answers to a test example.
struct TestAnswer: Codable, Sendable, Equatable {
  /// The answer as references are written: a text, a label's name or a number.
  let text: String
  /// Summed loss of the test set's own answer, cross-entropy in nats or a squared error, over `labelCount` labels; nil
  /// if it is not finite, which JSON cannot say.
  let lossSum: Double?
  let labelCount: Int
  /// The place of the label that was chosen, or the number given; nil where the answer is a text.
  var label: Double?
  /// Each label's score, without those that are not finite; nil where labels are not scored.
  var labelScores: [String: Double]?
}

/// Questions cut into shares.
struct AnswerShares {
  /// A question's place among all, and its answer.
  typealias Placed = (question: Int, answer: TestAnswer)

  let count: Int
  /// Answers one share: all its questions, unless the job was asked to stop meanwhile. Not collective.
  let answer: (_ share: Int) -> [Placed]
}

/// A way to answer test examples: what one task's answers come from.
protocol AnswerSource: AnyObject {
  /// Whether answers are texts, measured by their words; else they are labels, measured by their places or numbers.
  var answersAreTexts: Bool { get }

  /// Cuts questions into shares, each of which one rank answers by itself: the same ones on every rank.
  func shares(of questions: [TestQuestion]) -> AnswerShares

  /// What an example's answer is measured against.
  func references(of example: TokenizedExample) -> [String]

  /// The place of an example's own label, or its number; nil where answers are texts.
  func label(of example: TokenizedExample) -> Double?

  /// How the mean loss of a label is reported.
  func lossMeasure(_ meanLoss: Double) -> NamedValue
}

extension AnswerSource {
  /// The texts that count as right.
  func references(of example: TokenizedExample) -> [String] { example.references }

  func label(of example: TokenizedExample) -> Double? { nil }

  /// Of answers in tokens: the perplexity.
  func lossMeasure(_ meanLoss: Double) -> NamedValue { NamedValue("perplexity", exp(meanLoss)) }
}
