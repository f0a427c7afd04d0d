import Backbones
import Tasks

/// Answers by rank classification (Brown et al. 2020; Sanh et al. 2022, T0): every label is scored as the answer to the
/// prompt, and the one with the highest score is the prediction; of equal ones the first.
///
///     score(label) = Σ_i log p(y_i | prompt, y_<i)         y: the label's tokens and the end of the text
///
/// Length-normalised, it is divided by the number of those tokens (as in T-Few; lm-evaluation-harness's acc_norm
/// divides by bytes).
final class RankedAnswers: AnswerSource {
  let answersAreTexts = false
  private let objective: Objective
  private let architecture: Architecture
  private let labels: [String]
  private let candidates: [[Int32]]
  private let normalizesLength: Bool

  /// - Parameters:
  ///   - labels: The label set; the test sets' own answers are among them.
  ///   - candidates: Each label's tokens, its end included.
  init(
    _ objective: Objective, architecture: Architecture, labels: [String], candidates: [[Int32]], normalizesLength: Bool
  ) {
    precondition(labels.count == candidates.count, "\(labels.count) labels, \(candidates.count) candidates")
    (self.objective, self.architecture) = (objective, architecture)
    (self.labels, self.candidates, self.normalizesLength) = (labels, candidates, normalizesLength)
  }

  func answers(to questions: [TestQuestion]) -> [TestAnswer] {
    let losses = losses(of: questions)
    return questions.indices.map { place in
      let own = losses[place * labels.count..<(place + 1) * labels.count]
      return answer(to: questions[place], Array(own))
    }
  }

  private func place(of example: TokenizedExample) -> Int? { example.references.first.flatMap(labels.firstIndex) }

  func label(of example: TokenizedExample) -> Double? { place(of: example).map(Double.init) }

  /// A candidate's summed cross-entropy in nats, and over how many tokens.
  private typealias Loss = (sum: Double, count: Int)

  /// Every label's loss as the answer to the first question, then to the next, and so on.
  private func losses(of questions: [TestQuestion]) -> [Loss] {
    let kind = architecture.sequenceKind
    let examples = questions.flatMap { question in
      let prompt = Array(question.example.inputIds.prefix(question.example.promptLength))
      return candidates.map {
        (TokenizedExample(id: question.example.id, prompt: prompt, answer: $0, kind: kind), question.route)
      }
    }
    var losses: [Loss] = []
    var batch = PackedBatch()
    let lengths = examples.map { $0.0.tokenCount(kind) }
    for places in Scorer.batches(lengths: lengths, limit: Scorer.tokensPerBatch) {
      batch.removeAll()
      for (example, route) in examples[places] { batch.append(example, for: architecture, route: route) }
      for (example, loss) in objective.losses(of: batch).enumerated() {
        losses.append((loss, batch.labels(of: example).count))
      }
    }
    return losses
  }

  private func answer(to question: TestQuestion, _ losses: [Loss]) -> TestAnswer {
    let scores = losses.map { (0 - $0.sum) / (normalizesLength ? Double(max($0.count, 1)) : 1) }
    var best = 0
    // One that is not a number is never higher.
    for place in scores.indices where scores[place] > scores[best] || scores[best].isNaN && !scores[place].isNaN {
      best = place
    }
    guard let own = place(of: question.example) else {
      preconditionFailure("example \(question.example.id) has no answer among the labels \(labels)")
    }
    return TestAnswer(
      text: labels[best], lossSum: losses[own].sum.isFinite ? losses[own].sum : nil, labelCount: losses[own].count,
      label: Double(best), labelScores: Dictionary(uniqueKeysWithValues: zip(labels, scores).filter { $1.isFinite }))
  }
}
