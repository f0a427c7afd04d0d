import Tasks

/// Answers by rank classification (Brown et al. 2020; Sanh et al. 2022, T0): every label is scored as the answer to the
/// prompt, and the one with the highest score is the prediction; of equal ones the first. The prompt is computed once
/// for all of them.
///
///     score(label) = Σ_i log p(y_i | prompt, y_<i)         y: the label's tokens and the end of the text
///
/// Length-normalised, it is divided by the number of those tokens (as in T-Few; lm-evaluation-harness's acc_norm
/// divides by bytes).
final class RankedAnswers: AnswerSource {
  let answersAreTexts = false
  private let generator: Generator
  private let labels: [String]
  private let candidates: [[Int32]]
  private let normalizesLength: Bool
  private let options: GenerationOptions

  /// - Parameters:
  ///   - labels: The label set; the test sets' own answers are among them.
  ///   - candidates: Each label's tokens, its end included.
  ///   - options: What is computed together.
  init(
    _ generator: Generator, labels: [String], candidates: [[Int32]], normalizesLength: Bool, options: Evaluator.Options
  ) {
    precondition(labels.count == candidates.count, "\(labels.count) labels, \(candidates.count) candidates")
    (self.generator, self.labels, self.candidates) = (generator, labels, candidates)
    self.normalizesLength = normalizesLength
    self.options = GenerationOptions(
      maximumCount: 0, endIds: [], width: options.batchSize, sharesPrefixes: options.sharesPrefixes)
  }

  func shares(of questions: [TestQuestion]) -> AnswerShares {
    let answers = candidates.map { GivenAnswer(tokens: $0) }
    let requests = questions.map { question in
      let prompt = Array(question.example.inputIds.prefix(question.example.promptLength))
      return DecodingRequest(
        prompt: GenerationPrompt(tokens: prompt, route: question.route, ordinal: 0), isContinued: false,
        answers: answers)
    }
    let job = DecodingJob(generator, requests, options)
    return AnswerShares(count: job.shareCount) { share in
      job.run(share).map { ($0.request, self.answer(to: questions[$0.request], $0.result.losses)) }
    }
  }

  private func place(of example: TokenizedExample) -> Int? { example.references.first.flatMap(labels.firstIndex) }

  func label(of example: TokenizedExample) -> Double? { place(of: example).map(Double.init) }

  private func answer(to question: TestQuestion, _ losses: [DecodingResult.Loss]) -> TestAnswer {
    let scores = losses.map { (0 - $0.sum) / (normalizesLength ? Double(max($0.labelCount, 1)) : 1) }
    var best = 0
    // One that is not a number is never higher.
    for place in scores.indices where scores[place] > scores[best] || scores[best].isNaN && !scores[place].isNaN {
      best = place
    }
    guard let own = place(of: question.example) else {
      preconditionFailure("example \(question.example.id) has no answer among the labels \(labels)")
    }
    return TestAnswer(
      text: labels[best], lossSum: losses[own].sum.isFinite ? losses[own].sum : nil, labelCount: losses[own].labelCount,
      label: Double(best), labelScores: Dictionary(uniqueKeysWithValues: zip(labels, scores).filter { $1.isFinite }))
  }
}
