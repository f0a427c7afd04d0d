import Adapters
import Backbones
import MessagePassing
import Tensors

/// Continues prompts, and weighs answers behind them, with a key/value cache: many prompts side by side, each computed
/// once.
public final class Generator {
  let backbone: any GenerativeBackbone
  /// Owns the numbers of what is set into the backbone.
  private let model: AdapterModel
  /// Bytes that a cache may take.
  let cacheByteCount: Int
  let saved = Workspace()
  let scratch = Workspace()

  /// - Parameter model: One that generates: no encoder-only model.
  public convenience init(_ model: AdapterModel) {
    self.init(model, cacheByteCount: CacheMemory.ofJob)
  }

  init(_ model: AdapterModel, cacheByteCount: Int) {
    guard let backbone = model.backbone as? any GenerativeBackbone else {
      preconditionFailure("\(model.backbone.family) does not generate")
    }
    (self.model, self.backbone, self.cacheByteCount) = (model, backbone, cacheByteCount)
  }

  /// Continues prompts.
  ///
  /// - Parameter prompts: Those longer than the model's positions get no new token.
  /// - Returns: The new tokens of each prompt.
  public func generate(_ prompts: [GenerationPrompt], _ options: GenerationOptions) -> [[Int32]] {
    let job = job(prompts, options)
    var results = Array(repeating: [Int32](), count: prompts.count)
    for share in 0..<job.shareCount {
      for (prompt, result) in job.run(share) { results[prompt] = result.tokens }
    }
    return results
  }

  /// Continues prompts on all ranks, a share each in turn. Collective; the result is rank 0's, nil on the others.
  ///
  /// - Returns: The new tokens of each prompt.
  public func generate(
    _ prompts: [GenerationPrompt], _ options: GenerationOptions, ranks: Ranks
  ) throws -> [[Int32]]? {
    let job = job(prompts, options)
    var answers: [Int32] = []
    for share in stride(from: ranks.rank, to: job.shareCount, by: ranks.count) {
      for (prompt, result) in job.run(share) {
        // As it travels: the prompt's place, how many tokens, the tokens.
        answers += [Int32(prompt), Int32(result.tokens.count)] + result.tokens
      }
    }
    guard let gathered = try ranks.world.gather(answers) else { return nil }
    var results = Array(repeating: [Int32](), count: prompts.count)
    for var answers in gathered.map({ $0[...] }) {
      while let place = answers.popFirst(), let count = answers.popFirst() {
        results[Int(place)] = Array(answers.prefix(Int(count)))
        answers = answers.dropFirst(Int(count))
      }
    }
    return results
  }

  private func job(_ prompts: [GenerationPrompt], _ options: GenerationOptions) -> DecodingJob {
    DecodingJob(self, prompts.map { DecodingRequest(prompt: $0, isContinued: true) }, options)
  }

  /// The most likely continuation of each prompt, token by token.
  ///
  /// - Parameters:
  ///   - prompts: To continue; one without tokens, or with more than the model has positions, gets no continuation.
  ///   - routes: Each prompt's route.
  ///   - maximumCount: New tokens at most; fewer where the model's positions end.
  ///   - endId: The token that ends an answer; it is part of the result. nil: none.
  /// - Returns: The new tokens of each prompt.
  public func greedy(prompts: [[Int32]], routes: [Int], maximumCount: Int, endId: Int32?) -> [[Int32]] {
    generate(
      zip(prompts, routes).map { GenerationPrompt(tokens: $0, route: $1, ordinal: 0) },
      GenerationOptions(maximumCount: maximumCount, endIds: endId.map { [$0] } ?? []))
  }

  /// New tokens a prompt can get. Behind a prompt in one sequence the last of them needs no position of its own; an
  /// encoder's prompt takes none of the decoder's.
  func limit(_ prompt: GenerationPrompt, _ options: GenerationOptions) -> Int {
    let length = prompt.tokens.count
    guard length > 0 else { return 0 }
    guard backbone.architecture == .decoderOnly else { return min(options.maximumCount, backbone.maximumLength) }
    return max(
      min(options.maximumCount, options.maximumLength - length, backbone.maximumLength - length + 1), 0)
  }

  // MARK: Passes

  /// Computes a batch; `body` gets the logits of some of the rows that it reads, one call behind the other, and which
  /// rows these are. Shape: (rows, vocabulary). The workspaces are free again afterwards.
  func run(
    _ batch: DecodingBatch, _ cache: KeyValueCache, _ body: (_ logits: Matrix, _ rows: Range<Int>) -> Void
  ) {
    let pass = Pass(batch.rows, randomKey: nil, keepsActivations: false, saved: saved, scratch: scratch)
    let hidden = backbone.extend(batch, cache, pass)
    guard let head = backbone.head else { preconditionFailure("\(backbone.family) generates without a head") }
    let logits = saved.matrix(min(Self.logitRows, hidden.rows), head.outputCount)
    for start in stride(from: 0, to: hidden.rows, by: Self.logitRows) {
      let rows = start..<min(start + Self.logitRows, hidden.rows), part = logits.rows(0..<rows.count)
      head.logits(hidden.rows(rows), into: part, pass)
      body(part, rows)
    }
    saved.reset()
    scratch.reset()
  }

  /// Rows whose logits are held at a time: all of a step's, some of those that many answers have.
  private static let logitRows = 128
}
