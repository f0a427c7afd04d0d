import Adapters
import Backbones
import CKernels
import Tensors

/// Greedy decoding with a key/value cache, several prompts at a time.
public final class Generator {
  private let model: AdapterModel
  private let saved = Workspace()
  private let scratch = Workspace()

  public init(_ model: AdapterModel) { self.model = model }

  /// The most likely continuation of each prompt, token by token.
  ///
  /// - Parameters:
  ///   - prompts: At least one token each.
  ///   - tasks: Each prompt's task.
  ///   - maximumCount: New tokens at most; fewer where the model's positions end.
  ///   - endId: The token that ends an answer; it is part of the result. nil: none.
  /// - Returns: The new tokens of each prompt.
  public func greedy(prompts: [[Int32]], tasks: [Int], maximumCount: Int, endId: Int32?) -> [[Int32]] {
    let backbone = model.backbone
    var results = Array(repeating: [Int32](), count: prompts.count)
    var active = prompts.indices.filter { maximumCount > 0 && prompts[$0].count <= backbone.maximumLength }
    guard !active.isEmpty else { return results }
    let longest = active.map { prompts[$0].count }.max()!
    let cache = backbone.makeCache(slotCount: prompts.count, capacity: longest + maximumCount)
    var next = choose(prefill(active, prompts, tasks, cache))
    while true {
      for (row, slot) in active.enumerated() { results[slot].append(next[row]) }
      let goesOn = active.indices.filter { row in
        let slot = active[row]
        return next[row] != endId && results[slot].count < maximumCount && cache.lengths[slot] < cache.capacity
      }
      active = goesOn.map { active[$0] }
      guard !active.isEmpty else { return results }
      let pass = makePass(rowCounts: active.map { _ in 1 }, tasks: active.map { tasks[$0] })
      next = choose(backbone.step(tokens: goesOn.map { next[$0] }, cache: cache, slots: active, pass))
    }
  }

  private func prefill(_ slots: [Int], _ prompts: [[Int32]], _ tasks: [Int], _ cache: KeyValueCache) -> Matrix {
    var batch = PackedBatch()
    for slot in slots { batch.appendPrompt(tokens: prompts[slot], task: tasks[slot]) }
    let pass = makePass(rowCounts: slots.map { prompts[$0].count }, tasks: batch.tasks)
    return model.backbone.prefill(batch, cache: cache, slots: slots, pass)
  }

  /// The most likely token of each row of hidden states; the workspaces are free again afterwards.
  private func choose(_ hidden: Matrix) -> [Int32] {
    let head = model.backbone.head
    let logits = saved.matrix(hidden.rows, head.vocabularySize)
    head.logits(hidden, into: logits)
    defer {
      saved.reset()
      scratch.reset()
    }
    return (0..<logits.rows).map { Int32(ck_argmax(logits.columns, logits.rows($0..<$0 + 1).base)) }
  }

  private func makePass(rowCounts: [Int], tasks: [Int]) -> Pass {
    Pass(
      starts: rowCounts.reduce(into: [0]) { $0.append($0.last! + $1) }, tasks: tasks,
      ordinals: Array(repeating: 0, count: tasks.count), randomKey: nil, keepsActivations: false, saved: saved,
      scratch: scratch)
  }
}
