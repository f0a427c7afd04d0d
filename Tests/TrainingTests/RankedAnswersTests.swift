import Adapters
import Backbones
import Foundation
import ModelTestSupport
import Tasks
import Testing

@testable import Training

/// Rank classification on small models, against log-likelihoods in double precision.
struct RankedAnswersTests {
  enum Family: CaseIterable {
    case gpt2, t5

    var configuration: any BackboneConfiguration {
      switch self {
      case .gpt2: return TestModel.smallConfiguration
      case .t5: return TestModel.smallT5Configuration
      }
    }

    /// The summed log-likelihood of an answer.
    func score(_ prompt: [Int32], _ answer: [Int32]) throws -> Double {
      let arrays = TestModel.arrays(configuration)
      switch self {
      case .gpt2:
        let shape = try #require(configuration as? GPT2Configuration)
        let labels = prompt.map { _ in TokenizedExample.noLabel } + answer
        return -ReferenceGPT2(shape, arrays).loss([TestSequence(tokens: prompt + answer, labels: labels)])
      case .t5:
        let shape = try #require(configuration as? T5Configuration)
        return -ReferenceT5(shape, arrays).loss([TestSequence(tokens: prompt, labels: answer)])
      }
    }
  }

  private static let labels = ["a", "b", "c", "d"]
  private static let candidates: [[Int32]] = [[5, 12], [3, 1, 7, 12], [5, 2, 12], [12]]
  private static let prompts: [[Int32]] = [[3, 1, 4], [7], [2, 6, 5, 3, 5], [1, 1]]

  private func ranking(
    _ family: Family, labels: [String] = labels, candidates: [[Int32]] = candidates, normalizesLength: Bool = false
  ) -> RankedAnswers {
    let model = AdapterModel(bare: TestModel.random(family.configuration))
    return RankedAnswers(
      Generator(model), labels: labels, candidates: candidates, normalizesLength: normalizesLength,
      options: Evaluator.Options(maximumNewTokens: 1))
  }

  private func questions(_ prompts: [[Int32]] = prompts, reference: String = "b") -> [TestQuestion] {
    prompts.map {
      let example = TokenizedExample(
        id: "", inputIds: $0[...] + [9], labels: [], promptLength: $0.count, references: [reference])
      return TestQuestion(example: example, route: 0, head: .classifier)
    }
  }

  @Test(arguments: Family.allCases, [false, true])
  func theLikeliestLabelIsTheAnswer(family: Family, normalizesLength: Bool) throws {
    let answers = ranking(family, normalizesLength: normalizesLength).answers(to: questions())
    for (prompt, answer) in zip(Self.prompts, answers) {
      let sums = try Self.candidates.map { try family.score(prompt, $0) }
      let scores = zip(sums, Self.candidates).map { normalizesLength ? $0 / Double($1.count) : $0 }
      #expect(answer.text == Self.labels[scores.firstIndex(of: scores.max()!)!])
      let found = try Self.labels.map { try #require(answer.labelScores?[$0]) }
      // Single precision beside double.
      #expect(zip(found, scores).allSatisfy { abs($0 - $1) < 1e-4 }, "\(found) \(scores)")
      #expect(try abs(#require(answer.lossSum) + sums[1]) < 1e-4 && answer.labelCount == 4)
    }
    // By sum short labels win, by mean others may: the two are not the same rule.
    let others = ranking(family, normalizesLength: !normalizesLength).answers(to: questions())
    #expect(answers.map(\.labelScores) != others.map(\.labelScores))
  }

  /// Without a prompt, nothing is predicted of an answer of one token.
  @Test func ofEqualScoresTheFirstWins() {
    let answer = ranking(.gpt2, labels: ["b", "a"], candidates: [[5], [12]]).answers(to: questions([[]]))[0]
    #expect(answer.text == "b" && answer.labelScores == ["a": 0, "b": 0] && answer.labelCount == 0)
  }

  /// More candidates than are computed together, and a prompt with none of its own tokens.
  @Test(arguments: Family.allCases) func batchesDoNotChangeTheScores(family: Family) {
    let ranking = ranking(family), many = (0..<500).map { Self.prompts[$0 % 4] } + [[]]
    let together = ranking.answers(to: questions(many))
    for place in [0, 1, 250, 499, 500] {
      let alone = ranking.answers(to: questions([many[place]]))[0]
      #expect(together[place].text == alone.text && together[place].labelCount == alone.labelCount)
      for label in Self.labels {
        // Rows of taller matrices are added in another order.
        #expect(abs(together[place].labelScores![label]! - alone.labelScores![label]!) < 1e-4)
      }
    }
    // Without a prompt a causal model has nothing to predict the first token from.
    #expect(together[500].labelCount == (family == .gpt2 ? 3 : 4))
  }

  /// Every label's score is the loss of the whole example, as training computes it.
  @Test(arguments: Family.allCases) func scoresAreTheLossesOfWholeExamples(family: Family) throws {
    let model = AdapterModel(bare: TestModel.random(family.configuration)), objective = Objective(model)
    let architecture = model.backbone.architecture
    for (question, answer) in zip(questions(), ranking(family).answers(to: questions())) {
      let prompt = Array(question.example.inputIds.prefix(question.example.promptLength))
      for (label, candidate) in zip(Self.labels, Self.candidates) {
        var batch = PackedBatch()
        batch.append(
          TokenizedExample(id: "", prompt: prompt, answer: candidate, kind: architecture.sequenceKind),
          for: architecture, route: 0)
        // Sums of up to four losses in single precision.
        #expect(try abs(#require(answer.labelScores?[label]) + objective.losses(of: batch)[0]) < 1e-5)
      }
    }
  }
}
