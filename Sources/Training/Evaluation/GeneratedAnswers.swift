import Backbones
import Tasks
import Tokenizers

/// Answers by generation: the likeliest token each time, to the end of the text or the limit.
final class GeneratedAnswers: AnswerSource {
  let answersAreTexts = true
  private let generator: Generator
  private let architecture: Architecture
  private let objective: Objective
  private let tokenizer: Tokenizer
  private let promptRoom: Int
  private let options: GenerationOptions

  /// - Parameters:
  ///   - limits: How long a prompt, and a prompt with its answer, may be.
  ///   - maximumNewTokens: Tokens of an answer at most.
  init(
    _ generator: Generator, objective: Objective, tokenizer: Tokenizer, limits: TokenizationOptions,
    maximumNewTokens: Int
  ) {
    architecture = generator.backbone.architecture
    promptRoom = limits.promptRoom
    options = GenerationOptions(
      maximumCount: maximumNewTokens, maximumLength: limits.maxSequenceLength,
      endIds: tokenizer.endOfTextId.map { [$0] } ?? [])
    (self.generator, self.objective, self.tokenizer) = (generator, objective, tokenizer)
  }

  func answers(to questions: [TestQuestion]) -> [TestAnswer] {
    let tokens = generator.generate(
      questions.map {
        GenerationPrompt(tokens: Array($0.example.prompt(maximumLength: promptRoom)), route: $0.route, ordinal: 0)
      }, options)
    var batch = PackedBatch()
    for question in questions { batch.append(question.example, for: architecture, route: question.route) }
    let losses = objective.losses(of: batch)
    return questions.indices.map {
      TestAnswer(
        text: tokenizer.decode(tokens[$0], skipSpecialTokens: true), lossSum: losses[$0].isFinite ? losses[$0] : nil,
        labelCount: batch.labels(of: $0).count)
    }
  }
}
