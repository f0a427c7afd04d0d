import Adapters
import Backbones
import Foundation
import ModelTestSupport
import Testing
import Training

/// Decoding strategies on the small model.
struct GeneratorTests {
  private let configuration = TestModel.smallConfiguration
  private let generator = Generator(AdapterModel(bare: TestModel.random()))

  private func greedy(_ prompts: [[Int32]], _ count: Int, _ end: Int32?) -> [[Int32]] {
    generator.greedy(prompts: prompts, routes: prompts.map { _ in 0 }, maximumCount: count, endId: end)
  }

  @Test func greedyChoosesTheLikeliestTokenAfterAllBeforeIt() {
    let reference = ReferenceGPT2(configuration, TestModel.arrays(configuration))
    let prompts: [[Int32]] = [[3, 1, 4], [7], [2, 6, 5, 3, 5]]
    let answers = greedy(prompts, 8, nil)
    for (prompt, answer) in zip(prompts, answers) {
      #expect(answer.count == 8)
      var sequence = prompt
      for token in answer {
        let logits = reference.logits(sequence).last!
        #expect(logits.firstIndex(of: logits.max()!) == Int(token))
        sequence.append(token)
      }
      #expect(greedy([prompt], 8, nil) == [answer])
    }
  }

  @Test func answersEndAtTheEndTokenTheLimitAndTheLastPosition() {
    let free = greedy([[3, 1, 4]], 8, nil)[0], end = free[2]
    #expect(greedy([[3, 1, 4], [7]], 8, end)[0] == Array(free[...free.firstIndex(of: end)!]))
    #expect(greedy([[3, 1, 4]], 0, nil) == [[]])
    // Sixteen positions: a prompt of fourteen leaves two to be read, and the last answer needs none.
    #expect(greedy([Array(repeating: 2, count: 14)], 8, nil)[0].count == 3)
    #expect(greedy([Array(repeating: 2, count: 17), [3, 1, 4]], 8, nil) == [[], free])
    #expect(greedy([], 8, nil).isEmpty)
    let bounded = generator.generate(
      [
        GenerationPrompt(tokens: [3, 1, 4], route: 0, ordinal: 0), GenerationPrompt(tokens: [7], route: 0, ordinal: 1),
      ],
      GenerationOptions(maximumCount: 4, maximumLength: 5, endIds: []))
    #expect(bounded == [Array(free.prefix(2)), greedy([[7]], 4, nil)[0]])
  }

  @Test func beamsThatHoldEveryPrefixFindTheBestContinuation() {
    var configuration = configuration
    configuration.vocabularySize = 4
    let arrays = TestModel.arrays(configuration), reference = ReferenceGPT2(configuration, arrays)
    let generator = Generator(AdapterModel(bare: TestModel.backbone(configuration, arrays)))
    let prompts: [[Int32]] = [[3, 1], [2]]
    let found = generator.generate(
      prompts.map { GenerationPrompt(tokens: $0, route: 0, ordinal: 0) },
      GenerationOptions(maximumCount: 3, endIds: [], strategy: .beams(count: 16, lengthPenalty: 1)))
    for (prompt, answer) in zip(prompts, found) {
      var best = (tokens: [Int32](), score: -Double.infinity)
      for number in 0..<64 {
        let tokens = [number / 16, number / 4 % 4, number % 4].map(Int32.init)
        let logits = reference.logits(prompt + tokens).suffix(4).dropLast()
        let score = zip(logits, tokens).reduce(0) { total, pair in
          total + pair.0[Int(pair.1)] - log(pair.0.reduce(0) { $0 + exp($1) })
        }
        if score > best.score { best = (tokens, score) }
      }
      #expect(answer == best.tokens)
    }
  }

  @Test func oneBeamIsGreedy() {
    let prompts: [[Int32]] = [[3, 1, 4], [7]]
    let found = generator.generate(
      prompts.map { GenerationPrompt(tokens: $0, route: 0, ordinal: 0) },
      GenerationOptions(maximumCount: 6, endIds: [], strategy: .beams(count: 1, lengthPenalty: 1)))
    #expect(found == greedy(prompts, 6, nil))
  }

  @Test func samplesDoNotDependOnTheBatch() {
    func sample(_ prompts: [GenerationPrompt], seed: UInt64 = 1) -> [[Int32]] {
      let sampler = TokenSampler(temperature: 3, topK: 0, topP: 1, seed: seed)
      return generator.generate(
        prompts, GenerationOptions(maximumCount: 10, endIds: [], strategy: .sampling(sampler)))
    }
    let prompts = (0..<4).map { GenerationPrompt(tokens: [3, 1, 4], route: 0, ordinal: $0) }
    let together = sample(prompts)
    #expect(prompts.map { sample([$0])[0] } == together)
    #expect(Set(together).count > 1)  // equal prompts with numbers of their own
    #expect(sample(prompts, seed: 2) != together)
  }
}
