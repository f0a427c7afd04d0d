import Adapters
import Backbones
import ModelTestSupport
import Tasks
import TestSupport
import Testing
import Tokenizers

@testable import Training

/// Answers that are generated, and weighed, behind prompts computed once.
struct GeneratedAnswersTests {
  typealias Family = DecodingJobTests.Family

  private static let promptRoom = 36

  /// Two beginnings, prompts of up to 42 tokens, some longer than the room, answers with gaps, without labels, and without
  /// any token.
  private static func questions(_ kind: SequenceKind) -> [TestQuestion] {
    (0..<70).map { number in
      let beginning = (0..<30).map { Int32(($0 * $0 * (number % 2 + 2) + 3 * $0) % 13) }
      let prompt = number == 9 ? [] : beginning + (0..<number % 13).map { Int32(($0 * 5 + number) % 13) }
      let answer = (0..<number % 5).map { Int32(($0 * 7 + number) % 13) }
      var example = TokenizedExample(id: "\(number)", prompt: prompt, answer: answer, kind: kind)
      // The answer's last label, and one inside of it.
      for offset in number % 3 == 0 ? [1, 3] : [] where offset <= answer.count {
        example.labels[example.labels.endIndex - offset] = TokenizedExample.noLabel
      }
      return TestQuestion(example: example, route: 0, head: .tokens)
    }
  }

  private func answers(_ family: Family, _ model: AdapterModel, _ options: Evaluator.Options) throws -> [TestAnswer] {
    let kind = model.backbone.architecture.sequenceKind
    let limits = TokenizationOptions(
      kind: kind, maxSequenceLength: kind == .causal ? Self.promptRoom + 8 : 64, maxTargetLength: 8)
    let tokenizer = try Tokenizer(folder: Fixtures.own.appending(path: "backbones/t5"))
    return GeneratedAnswers(Generator(model), tokenizer: tokenizer, limits: limits, options: options)
      .answers(to: Self.questions(kind))
  }

  @Test(arguments: Family.allCases) func lossesAreThoseOfWholeExamples(family: Family) throws {
    let model = AdapterModel(bare: TestModel.random(family.configuration))
    let architecture = model.backbone.architecture, questions = Self.questions(architecture.sequenceKind)
    let found = try answers(family, model, .init(maximumNewTokens: 12)), objective = Objective(model)
    #expect(found.count == questions.count)
    for (question, answer) in zip(questions, found) {
      var batch = PackedBatch()
      batch.append(question.example, for: architecture, route: 0)
      #expect(answer.labelCount == batch.labelCount)
      // The same sums in single precision, in another order, of losses of a few nats.
      #expect(try abs(#require(answer.lossSum) - objective.losses(of: batch)[0]) < 1e-5 * Double(batch.labelCount + 1))
    }
    #expect(Set(found.map(\.labelCount)).count > 3)
  }

  @Test(arguments: Family.allCases) func textsAreThoseOfOneCutPromptAtATime(family: Family) throws {
    let model = AdapterModel(bare: TestModel.random(family.configuration)), generator = Generator(model)
    let tokenizer = try Tokenizer(folder: Fixtures.own.appending(path: "backbones/t5"))
    let isCausal = family != .t5
    for options in [
      Evaluator.Options(maximumNewTokens: 12), .init(maximumNewTokens: 12, batchSize: 3, sharesPrefixes: false),
    ] {
      let found = try answers(family, model, options)
      for (question, answer) in zip(Self.questions(isCausal ? .causal : .sequenceToSequence), found) {
        let prompt = Array(question.example.prompt(maximumLength: isCausal ? Self.promptRoom : 64))
        let tokens = generator.generate(
          [GenerationPrompt(tokens: prompt, route: 0, ordinal: 0)],
          GenerationOptions(
            maximumCount: 12, maximumLength: isCausal ? Self.promptRoom + 8 : .max,
            endIds: tokenizer.endOfTextId.map { [$0] } ?? []))[0]
        #expect(answer.text == tokenizer.decode(tokens, skipSpecialTokens: true))
      }
    }
  }
}
