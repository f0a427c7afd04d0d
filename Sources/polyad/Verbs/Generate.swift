import ArgumentParser
import Backbones
import Foundation
import Training

/// `polyad generate`.
struct Generate: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Continues prompts: greedily, by sampling or by beam search.",
    discussion: """
      Prints a JSON line an example, in the input's order: {"ids": [new tokens, with the one that ended them], \
      "text": ""}. Lines give input_ids or source; labels are not read. The ranks share the prompts.
      """)

  @OptionGroup var modelOptions: ModelOptions
  @OptionGroup var inputOptions: InputOptions
  @Option(help: "New tokens at most.")
  var maxNewTokens: Int
  @Option(help: "A token that ends an answer; may be repeated. Default: the model's eos_token_id.")
  var eosTokenId: [Int32] = []
  @Option(help: "Prompts that one rank decodes side by side at most. Default: as many as memory makes room for.")
  var batchSize: Int?
  @Option(help: "Continuations kept side by side; 1: no beam search.")
  var numBeams = 1
  @Option(
    parsing: .unconditional,
    help: "The power of the length by which beam search divides a continuation's log-probability. Default: 1.")
  var lengthPenalty: Double?
  @Flag(help: "Draw tokens at random.")
  var doSample = false
  @Option(help: "What logits are divided by before drawing. Default: 1.")
  var temperature: Double?
  @Option(help: "Draw from so many of the most likely tokens; 0: from all. Default: 50, as in Hugging Face.")
  var topK: Int?
  @Option(help: "Draw from the most likely tokens that reach this probability. Default: 1.")
  var topP: Double?
  @Option(help: "What the random numbers are keyed by, with the example's place and the position. Default: 0.")
  var seed: UInt64?

  func validate() throws {
    func require(_ condition: Bool, _ message: String) throws {
      if !condition { throw ValidationError(message) }
    }
    try require((1...1 << 20).contains(maxNewTokens), "--max-new-tokens must be from 1 to \(1 << 20)")
    try require(batchSize.map((1...4096).contains) ?? true, "--batch-size must be from 1 to 4096")
    try require(eosTokenId.allSatisfy { $0 >= 0 }, "--eos-token-id must be 0 or more")
    try require((1...1024).contains(numBeams), "--num-beams must be from 1 to 1024")
    try require(temperature.map { $0 > 0 && $0.isFinite } ?? true, "--temperature must be above 0")
    try require(topK ?? 0 >= 0, "--top-k must be 0 or more")
    try require(topP.map { $0 > 0 && $0 <= 1 } ?? true, "--top-p must be above 0 and at most 1")
    try require(lengthPenalty?.isFinite ?? true, "--length-penalty must be a number")
    try require(!doSample || numBeams == 1, "--do-sample and --num-beams exclude each other")
    try require(lengthPenalty == nil || numBeams > 1, "--length-penalty needs --num-beams 2 or more")
    for (name, isGiven) in [
      ("temperature", temperature != nil), ("top-k", topK != nil), ("top-p", topP != nil), ("seed", seed != nil),
    ] {
      try require(!isGiven || doSample, "--\(name) needs --do-sample")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let assembly = try modelOptions.load(on: ranks)
    guard assembly.model.backbone is any GenerativeBackbone else {
      throw CommandError.doesNotGenerate(family: assembly.model.backbone.family)
    }
    let inputs = try inputOptions.read(for: assembly, promptsOnly: true)
    let prompts = inputs.examples.indices.map {
      GenerationPrompt(tokens: Array(inputs.examples[$0].inputIds), route: inputs.routes[$0], ordinal: $0)
    }
    let options = GenerationOptions(
      maximumCount: maxNewTokens, endIds: try endIds(assembly), strategy: strategy, width: batchSize)
    let generator = Generator(assembly.model)
    let answers = try generator.generate(prompts, options, ranks: ranks)
    for ids in answers ?? [] {
      try CommandOutput.result([
        "ids": .array(ids.map { .int(Int($0)) }),
        "text": .string(assembly.tokenizer?.decode(ids, skipSpecialTokens: true) ?? ""),
      ])
    }
    try assembly.free()
    return false
  }

  private var strategy: GenerationOptions.Strategy {
    if doSample {
      return .sampling(
        TokenSampler(temperature: temperature ?? 1, topK: topK ?? 50, topP: topP ?? 1, seed: seed ?? 0))
    }
    return numBeams > 1 ? .beams(count: numBeams, lengthPenalty: lengthPenalty ?? 1) : .greedy
  }

  private func endIds(_ assembly: ModelAssembly) throws -> Set<Int32> {
    if !eosTokenId.isEmpty { return Set(eosTokenId) }
    if let ids = try CommandError.loadingModel({ try assembly.folder.endOfTextIds() }) { return ids }
    return assembly.tokenizer?.endOfTextId.map { [$0] } ?? []
  }
}
