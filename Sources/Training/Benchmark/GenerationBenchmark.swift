import Adapters
import Foundation
import MessagePassing
import Tasks
import Tokenizers

/// Measures greedy decoding of test prompts, as `polyad bench generate` reports it: every answer has as many new tokens.
public struct GenerationBenchmark {
  public struct Options: Sendable {
    /// Tokens of a prompt and its answer at most.
    public var maximumLength = 1024
    /// New tokens of each answer.
    public var newTokens = 32
    /// Instances of each task file.
    public var examplesPerTask = 32
    /// Examples of the task in each prompt.
    public var positiveExamples = 0
    /// A recipe's `share_prefixes`.
    public var sharePrefixes = SharePrefixes.auto
    /// Prompts side by side at most; nil: as many as are worth it.
    public var width: Int?

    public init() {}
  }

  /// What was measured, over all ranks.
  public struct Result: Sendable {
    public let exampleCount: Int
    public let seconds: Double
    /// New tokens of all answers.
    public let newTokenCount: Int
    /// Tokens of all prompts, and those of them that one rank computes.
    public let promptTokenCount, computedPromptTokenCount: Int

    public var examplesPerSecond: Double { Double(exampleCount) / seconds }
    public var newTokensPerSecond: Double { Double(newTokenCount) / seconds }
  }

  private let generator: Generator
  private let prompts: [GenerationPrompt]
  private let generation: GenerationOptions
  private let ranks: Ranks

  /// - Parameters:
  ///   - model: One that generates.
  ///   - taskFiles: Super-NaturalInstructions files.
  /// - Throws: `TaskError`.
  public init(
    _ model: AdapterModel, tokenizer: Tokenizer, taskFiles: [URL], options: Options, ranks: Ranks
  ) throws {
    let examples = try BenchmarkExamples(
      tokenizer,
      options: ModelInputs(model.backbone).tokenizationOptions(
        maximumLength: options.maximumLength, maximumTargetLength: options.newTokens),
      positiveExamples: options.positiveExamples)
    var prompts: [GenerationPrompt] = []
    for (task, file) in taskFiles.enumerated() {
      let set = try examples.read(file, limit: options.examplesPerTask)
      for index in 0..<set.count {
        let prompt = set[index].prompt(maximumLength: options.maximumLength - options.newTokens)
        prompts.append(GenerationPrompt(tokens: Array(prompt), route: task, ordinal: prompts.count))
      }
    }
    self.prompts = prompts
    generation = GenerationOptions(
      maximumCount: options.newTokens, endIds: [], width: options.width,
      sharesPrefixes: options.sharePrefixes.obstacle(for: model) == nil)
    generator = Generator(model)
    self.ranks = ranks
  }

  /// Whether what prompts begin with is computed once.
  public var sharesPrefixes: Bool { generation.sharesPrefixes }

  /// Decodes a few tokens to warm up, then everything. Collective; the result is rank 0's, nil on the others.
  public func run() throws -> Result? {
    var few = generation
    few.maximumCount = min(2, generation.maximumCount)
    _ = generator.generate(Array(prompts.prefix(4)), few)
    try ranks.world.barrier()
    let start = ContinuousClock.now
    let answers = try generator.generate(prompts, generation, ranks: ranks)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    guard let answers else { return nil }
    return Result(
      exampleCount: prompts.count, seconds: seconds, newTokenCount: answers.reduce(0) { $0 + $1.count },
      promptTokenCount: prompts.reduce(0) { $0 + $1.tokens.count },
      computedPromptTokenCount: PrefixTree(prompts, isShared: sharesPrefixes).computedCount)
  }
}
