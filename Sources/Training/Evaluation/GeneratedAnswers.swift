import Backbones
import Tasks
import Tokenizers

/// Answers by generation: the likeliest token each time, to the end of the text or the limit. A prompt is computed once,
/// for its continuation and for the loss of the test set's own answer.
final class GeneratedAnswers: AnswerSource {
  let answersAreTexts = true
  private let generator: Generator
  private let tokenizer: Tokenizer
  private let promptRoom: Int
  private let options: GenerationOptions

  /// - Parameters:
  ///   - limits: How long a prompt, and a prompt with its answer, may be.
  ///   - options: How many tokens an answer may have, and what is computed together.
  init(_ generator: Generator, tokenizer: Tokenizer, limits: TokenizationOptions, options: Evaluator.Options) {
    (self.generator, self.tokenizer, promptRoom) = (generator, tokenizer, limits.promptRoom)
    self.options = GenerationOptions(
      maximumCount: options.maximumNewTokens, maximumLength: limits.maxSequenceLength,
      endIds: tokenizer.endOfTextId.map { [$0] } ?? [], width: options.batchSize,
      sharesPrefixes: options.sharesPrefixes)
  }

  func shares(of questions: [TestQuestion]) -> AnswerShares {
    let job = DecodingJob(generator, questions.map(request), options)
    return AnswerShares(count: job.shareCount) { share in
      job.run(share).map { ($0.request, self.answer($0.result)) }
    }
  }

  private func request(_ question: TestQuestion) -> DecodingRequest {
    let prompt = Array(question.example.prompt(maximumLength: promptRoom))
    return DecodingRequest(
      prompt: GenerationPrompt(tokens: prompt, route: question.route, ordinal: 0), isContinued: true,
      answers: [ownAnswer(of: question.example, behind: prompt.count)])
  }

  /// What the test set has behind a prompt. Where that is cut to leave room, the rest of it stands before the answer: the
  /// loss is that of the whole example.
  private func ownAnswer(of example: TokenizedExample, behind promptLength: Int) -> GivenAnswer {
    if case .encoderDecoder(let special) = generator.backbone.architecture {
      return GivenAnswer(tokens: example.labels.map { $0 >= 0 ? $0 : special.padding }, labels: Array(example.labels))
    }
    let tokens = Array(example.inputIds.dropFirst(promptLength))
    guard !example.labels.isEmpty else {
      return GivenAnswer(tokens: tokens, labels: tokens.map { _ in TokenizedExample.noLabel })
    }
    return GivenAnswer(tokens: tokens, labels: Array(example.labels.dropFirst(promptLength)))
  }

  private func answer(_ result: DecodingResult) -> TestAnswer {
    let loss = result.losses[0]
    return TestAnswer(
      text: tokenizer.decode(result.tokens, skipSpecialTokens: true), lossSum: loss.sum.isFinite ? loss.sum : nil,
      labelCount: loss.labelCount)
  }
}
