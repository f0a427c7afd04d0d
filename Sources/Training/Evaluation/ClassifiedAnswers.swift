import Backbones
import Tasks

/// Answers by a classification head: the likeliest class, or the number it gives.
final class ClassifiedAnswers: AnswerSource {
  let answersAreTexts = false
  private let objective: Objective
  /// The classes' names; empty: classes are numbers.
  private let labels: [String]
  private let batchSize: Int?

  /// - Parameter batchSize: Examples that are computed together; nil: as many as have few enough tokens.
  init(_ objective: Objective, labels: [String], batchSize: Int? = nil) {
    (self.objective, self.labels, self.batchSize) = (objective, labels, batchSize)
  }

  func shares(of questions: [TestQuestion]) -> AnswerShares {
    let batches =
      batchSize.map { size in
        stride(from: 0, to: questions.count, by: size).map { $0..<min($0 + size, questions.count) }
      } ?? Scorer.batches(lengths: questions.map(\.example.inputIds.count), limit: Scorer.tokensPerBatch)
    return AnswerShares(count: batches.count) { share in
      Array(zip(batches[share], self.answers(to: questions[batches[share]])))
    }
  }

  private func answers(to questions: ArraySlice<TestQuestion>) -> [TestAnswer] {
    var batch = PackedBatch()
    for question in questions {
      batch.append(question.example, for: .encoderOnly, route: question.route, head: question.head)
    }
    return objective.classify(batch).map { logits, loss in
      TestAnswer(
        text: Self.text(logits, labels: labels), lossSum: loss.isFinite ? loss : nil, labelCount: 1,
        label: Self.label(logits))
    }
  }

  /// The likeliest class, or the number.
  static func label(_ logits: [Float]) -> Double { logits.count == 1 ? Double(logits[0]) : Double(likeliest(logits)) }

  func label(of example: TokenizedExample) -> Double? { example.label }

  /// A class is no token among many: its loss says more than a perplexity.
  func lossMeasure(_ meanLoss: Double) -> NamedValue { NamedValue("loss", meanLoss) }

  /// The answer that logits mean.
  static func text(_ logits: [Float], labels: [String]) -> String {
    if logits.count == 1 { return String(logits[0]) }
    return className(likeliest(logits), labels: labels)
  }

  /// Lines that were tokenised elsewhere have a class or a number in place of texts.
  func references(of example: TokenizedExample) -> [String] {
    guard example.references.isEmpty, let label = example.label else { return example.references }
    return [Int(exactly: label).map { Self.className($0, labels: labels) } ?? TokenizedExample.text(ofLabel: label)]
  }

  /// The first of the largest logits.
  static func likeliest(_ logits: [Float]) -> Int { logits.indices.max { logits[$0] < logits[$1] } ?? 0 }

  private static func className(_ place: Int, labels: [String]) -> String {
    labels.indices.contains(place) ? labels[place] : String(place)
  }
}
