import Tensors

/// What the parts of one stack share in a pass.
struct StackContext {
  /// Another stream, which cross-attention reads.
  struct Source {
    let states: Matrix
    fileprivate(set) var pass: Pass
    /// What each of the queries' segments sees of it; none where it sees a cache's rows.
    let keys: [KeyRanges]
  }

  /// Where keys and values go, and where queries find them.
  struct Decoding {
    let cache: KeyValueCache
    let batch: DecodingBatch
    private let plans = Plans()

    init(_ cache: KeyValueCache, _ batch: DecodingBatch) { (self.cache, self.batch) = (cache, batch) }

    /// The plans of a pass, made once for all layers that see alike.
    private final class Plans {
      struct Key: Hashable {
        let readsSource: Bool
        let window: Int?
      }

      var known: [Key: Attention.CachePlan] = [:]
    }

    /// How a layer's queries meet the cache's keys.
    ///
    /// - Parameter isBiased: Whether the layer tells positions by distances.
    func plan(_ core: Attention, readsSource: Bool, isBiased: Bool, _ pass: Pass) -> Attention.CachePlan {
      let key = Plans.Key(readsSource: readsSource, window: core.window)
      if let plan = plans.known[key] { return plan }
      let keys = readsSource ? batch.sources : batch.rows.ownKeys
      let plan = core.plan(keys, isBiased: isBiased, pass)
      plans.known[key] = plan
      return plan
    }
  }

  /// Over the rows that a part reads.
  private(set) var pass: Pass
  /// What each segment sees of its own stream; none where it sees a cache's rows.
  private(set) var keys: [KeyRanges]
  /// By which self-attention tells positions, if not by their embeddings.
  let bias: DistanceBias?
  /// nil where there is no other stream.
  private(set) var source: Source?
  /// nil where no cache is used: in training and scoring.
  let decoding: Decoding?
  /// Rows that alone go on behind the part at hand; nil: all.
  private(set) var selection: RowSelection?
  /// Where gradients of the bias and of the source's states are added up in the backward pass; nil where nothing asks
  /// for them.
  var dBias: DistanceBias?
  var dStates: Matrix?

  init(
    _ pass: Pass, bias: DistanceBias? = nil, source: (states: Matrix, pass: Pass)? = nil, decoding: Decoding? = nil
  ) {
    (self.pass, self.bias, self.decoding) = (pass, bias, decoding)
    keys = decoding == nil ? pass.rows.ownKeys : []
    self.source = source.map { states, sourcePass in
      Source(states: states, pass: sourcePass, keys: decoding == nil ? pass.rows.keys(in: sourcePass.rows) : [])
    }
  }

  /// Over the rows that a part gives.
  var outputPass: Pass { selection?.pass ?? pass }

  var requiredSource: Source {
    guard let source else { preconditionFailure("cross-attention without another stream") }
    return source
  }

  /// The same for a layer of a checkpointed stack; see ``Pass``.
  func keeping(_ keepsActivations: Bool, again isRepeated: Bool = false) -> StackContext {
    func changed(_ pass: Pass) -> Pass { pass.keeping(keepsActivations, again: isRepeated) }
    var context = self
    context.pass = changed(pass)
    if let source { context.source?.pass = changed(source.pass) }
    return context
  }

  /// For the part behind which the selected rows alone go on.
  func selecting(_ selection: RowSelection?) -> StackContext {
    var context = self
    context.selection = selection
    return context
  }

  /// For the parts behind that one.
  func behind(_ selection: RowSelection?) -> StackContext {
    guard let selection else { return self }
    var context = self
    (context.pass, context.keys) = (selection.pass, [])
    return context
  }
}

/// How many rows the parts of a stack see of one sequence.
struct RowCounts {
  /// Rows that a part reads, and rows that it gives.
  let input, output: Int
  /// Rows of the other stream.
  let source: Int
}
