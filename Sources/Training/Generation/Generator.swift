import Adapters
import Backbones
import Tensors

/// Decoding with a key/value cache, several prompts at a time.
public final class Generator {
  let backbone: any GenerativeBackbone
  private let saved = Workspace()
  private let scratch = Workspace()

  /// - Parameter model: One that generates: no encoder-only model.
  public init(_ model: AdapterModel) {
    guard let backbone = model.backbone as? any GenerativeBackbone else {
      preconditionFailure("\(model.backbone.family) does not generate")
    }
    self.backbone = backbone
  }

  /// Continues prompts.
  ///
  /// - Parameter prompts: Those longer than the model's positions get no new token.
  /// - Returns: The new tokens of each prompt.
  public func generate(_ prompts: [GenerationPrompt], _ options: GenerationOptions) -> [[Int32]] {
    switch options.strategy {
    case .greedy: decode(prompts, options) { logits, _, _ in Int32(logits.largestIndex) }
    case .sampling(let sampler):
      decode(prompts, options) { sampler.token(logits: $0, ordinal: $1.ordinal, position: $2) }
    case .beams(let count, let lengthPenalty):
      searchBeams(prompts, options, beamCount: count, lengthPenalty: lengthPenalty)
    }
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
    guard backbone.architecture == .decoderOnly else {
      return min(options.maximumCount, backbone.maximumLength)
    }
    let length = prompt.tokens.count
    return min(options.maximumCount, options.maximumLength - length, backbone.maximumLength - length + 1)
  }

  /// Chooses token after token, each from the logits behind the ones before.
  private func decode(
    _ prompts: [GenerationPrompt], _ options: GenerationOptions,
    choose: (_ logits: UnsafeBufferPointer<Float>, _ prompt: GenerationPrompt, _ position: Int) -> Int32
  ) -> [[Int32]] {
    var results = Array(repeating: [Int32](), count: prompts.count)
    var active = prompts.indices.filter { !prompts[$0].tokens.isEmpty && limit(prompts[$0], options) > 0 }
    guard !active.isEmpty else { return results }
    let cache = makeCache(prompts, slotsPerPrompt: 1, options)
    func take(_ logits: Matrix) {
      let chosen = Threads.map(active.count, work: logits.count) { row in
        choose(Self.row(row, of: logits), prompts[active[row]], results[active[row]].count)
      }
      for (slot, token) in zip(active, chosen) { results[slot].append(token) }
    }
    withLogits(prefilling: active.map { prompts[$0] }, cache, slots: active, take)
    while true {
      active = active.filter { slot in
        !options.endIds.contains(results[slot].last!) && results[slot].count < limit(prompts[slot], options)
      }
      guard !active.isEmpty else { return results }
      withLogits(
        after: active.map { results[$0].last! }, routes: active.map { prompts[$0].route }, cache, slots: active, take)
    }
  }

  // MARK: The model's passes

  func makeCache(_ prompts: [GenerationPrompt], slotsPerPrompt: Int, _ options: GenerationOptions) -> KeyValueCache {
    let longest = prompts.map(\.tokens.count).max() ?? 0
    return backbone.makeCache(
      DecodingRoom(
        slotCount: prompts.count * slotsPerPrompt, promptCount: prompts.count, promptLength: longest,
        newTokenCount: options.maximumCount))
  }

  /// One row of logits.
  static func row(_ row: Int, of logits: Matrix) -> UnsafeBufferPointer<Float> {
    UnsafeBufferPointer(logits.rows(row..<row + 1).elements)
  }

  /// Reads prompts into their slots and passes the logits behind each to `body`. Shape: (prompts, vocabulary).
  func withLogits(
    prefilling prompts: [GenerationPrompt], _ cache: KeyValueCache, slots: [Int], _ body: (Matrix) -> Void
  ) {
    var batch = PackedBatch()
    for prompt in prompts {
      batch.appendPrompt(prompt.tokens, for: backbone.architecture, route: prompt.route)
    }
    let pass = makePass(batch.rows)
    project(backbone.prefill(batch, cache: cache, slots: slots, pass), pass, body)
  }

  /// Reads one token more in each slot and passes the logits behind it to `body`. Shape: (slots, vocabulary).
  func withLogits(
    after tokens: [Int32], routes: [Int], _ cache: KeyValueCache, slots: [Int], _ body: (Matrix) -> Void
  ) {
    var rows = Rows()
    for (example, (slot, route)) in zip(slots, routes).enumerated() {
      rows.append(
        positions: CollectionOfOne(Int32(cache.lengths[slot])), .init(example: example, route: route, ordinal: 0))
    }
    let pass = makePass(rows)
    project(backbone.step(tokens: tokens, cache: cache, slots: slots, pass), pass, body)
  }

  /// The workspaces are free again afterwards.
  private func project(_ hidden: Matrix, _ pass: Pass, _ body: (Matrix) -> Void) {
    guard let head = backbone.head else { preconditionFailure("\(backbone.family) generates without a head") }
    let logits = saved.matrix(hidden.rows, head.outputCount)
    head.logits(hidden, into: logits, pass)
    body(logits)
    saved.reset()
    scratch.reset()
  }

  private func makePass(_ rows: Rows) -> Pass {
    Pass(rows, randomKey: nil, keepsActivations: false, saved: saved, scratch: scratch)
  }
}
