import Adapters
import Backbones
import Foundation
import ModelTestSupport
import TestSupport
import Testing

@testable import Training

/// Decoding many prompts side by side, those that begin alike behind what they share.
struct DecodingJobTests {
  enum Family: CaseIterable {
    case gpt2, gemma2, t5

    var configuration: any BackboneConfiguration {
      switch self {
      case .gpt2:
        var shape = TestModel.smallConfiguration
        shape.positionCount = 96
        return shape
      case .gemma2:
        // A window shorter than the beginnings, capped scores, keys shared by heads.
        var shape = DecoderConfiguration(
          family: "gemma2", vocabularySize: 13, positionCount: 96, width: 8, layerCount: 2, headCount: 2,
          keyHeadCount: 1, headWidth: 4, innerWidth: 12)
        (shape.windows, shape.scoreCap, shape.tiesEmbeddings) = ([12, nil], 2, true)
        return shape
      case .t5: return TestModel.smallT5Configuration
      }
    }

    func generator(cacheByteCount: Int = 1 << 30) -> Generator {
      Generator(AdapterModel(bare: TestModel.random(configuration)), cacheByteCount: cacheByteCount)
    }
  }

  /// Three tasks' beginnings of 30 tokens, of two routes; of each some prompts that share more, some that end alike.
  private static let prompts: [GenerationPrompt] = (0..<75).map { number in
    let task = number % 3
    let beginning = (0..<30).map { Int32(($0 * $0 * (task + 2) + 5 * $0 + task) % 13) }
    let middle = number % 4 == 0 ? [1, 2, 3, 4, 5, Int32(number % 8)] : []
    let own = (0..<number % 7).map { Int32(($0 * 5 + number) % 13) }
    return GenerationPrompt(tokens: beginning + middle + own, route: 0, ordinal: number)
  }

  private static func options(
    _ strategy: GenerationOptions.Strategy = .greedy, width: Int? = nil, sharesPrefixes: Bool = true
  ) -> GenerationOptions {
    GenerationOptions(
      maximumCount: 40, maximumLength: 64, endIds: [11], strategy: strategy, width: width,
      sharesPrefixes: sharesPrefixes)
  }

  private static let strategies: [GenerationOptions.Strategy] = [
    .greedy, .sampling(TokenSampler(temperature: 2, topK: 0, seed: 3)), .beams(count: 3, lengthPenalty: 1),
  ]

  @Test(arguments: Family.allCases, strategies)
  func anyWidthGivesTheTokensOfOnePromptAtATime(family: Family, strategy: GenerationOptions.Strategy) {
    let generator = family.generator()
    let alone = Self.prompts.map { generator.generate([$0], Self.options(strategy, sharesPrefixes: false))[0] }
    // They end at different times: by the end token or, in one sequence, by the limit of prompt and answer.
    if family != .t5 || strategy == Self.strategies[1] { #expect(Set(alone.map(\.count)).count > 3) }
    for width in [1, 3, 100] {
      #expect(generator.generate(Self.prompts, Self.options(strategy, width: width)) == alone, "\(width)")
    }
    #expect(generator.generate(Self.prompts, Self.options(strategy, sharesPrefixes: false)) == alone)
  }

  /// A cache that holds no more than the largest prompt, and one that holds a few.
  @Test(arguments: Family.allCases, [1, 400]) func littleMemoryGivesTheSameTokens(family: Family, rows: Int) {
    let generator = family.generator()
    let tight = family.generator(cacheByteCount: rows * generator.backbone.cacheRowByteCount)
    for strategy in Self.strategies {
      let options = Self.options(strategy)
      #expect(tight.generate(Self.prompts, options) == generator.generate(Self.prompts, options))
    }
  }

  private static func requests(_ family: Family) -> [DecodingRequest] {
    prompts.enumerated().map { number, prompt in
      DecodingRequest(
        prompt: prompt, isContinued: number % 5 != 0,
        answers: (0..<number % 3).map { answer in
          let tokens = (0..<1 + (number + answer) % 4).map { Int32(($0 * 3 + number) % 13) }
          return GivenAnswer(tokens: tokens, labels: tokens.enumerated().map { $0 == 1 ? -100 : $1 })
        })
    }
  }

  /// Tokens and losses by request, from the shares of some ranks.
  private static func results(_ generator: Generator, _ family: Family, ranks: Int) -> [[Int]] {
    var found: [Int: [Int]] = [:]
    for rank in 0..<ranks {
      let job = DecodingJob(generator, requests(family), options())
      for share in stride(from: rank, to: job.shareCount, by: ranks) {
        for (request, result) in job.run(share) {
          let losses = result.losses.flatMap { [Int(bitPattern: UInt($0.sum.bitPattern)), $0.labelCount] }
          found[request] = result.tokens.map(Int.init) + losses
        }
      }
    }
    return prompts.indices.map { found[$0]! }
  }

  @Test(arguments: Family.allCases) func ranksThatShareTheSharesFindTheSameBits(family: Family) {
    let generator = family.generator(), job = DecodingJob(generator, Self.requests(family), Self.options())
    #expect(job.shareCount == 3)
    #expect(job.tree.nodes.indices.contains(where: job.isOfSeveralShares) == (family != .t5))
    let alone = Self.results(generator, family, ranks: 1)
    for ranks in [2, 3] { #expect(Self.results(generator, family, ranks: ranks) == alone, "\(ranks)") }
  }

  @Test(arguments: Family.allCases) func threadsChangeNoBit(family: Family) {
    let alone = withThreads(1) { Self.results(family.generator(), family, ranks: 1) }
    for threads in threadCounts.dropFirst() {
      let isSame = withThreads(threads) { Self.results(family.generator(), family, ranks: 1) } == alone
      #expect(isSame, "\(threads) threads")
    }
  }

  @Test func memoryIsAPowerOfTwoBelowAQuarterOfWhatACoreHas() {
    func count(_ total: Int, _ cores: Int = 1) -> Int { CacheMemory.byteCount(total: total, coreCount: cores) }
    #expect(count(.max) == 1 << 30 && count(4 << 30) == 1 << 30)
    #expect(count(4 << 30 - 1) == 1 << 29 && count(3 << 30, 2) == 1 << 28)
    #expect(count(4) == 1 << 27 && count(8 << 30, 64) == 1 << 27 && count(0, 0) == 1 << 27)
    #expect(CacheMemory.range.contains(CacheMemory.byteCount()))
  }
}
