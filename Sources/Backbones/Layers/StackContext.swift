import Tensors

/// What the parts of one stack share in a pass.
struct StackContext {
  /// Another stream, which cross-attention reads.
  struct Source {
    let states: Matrix
    fileprivate(set) var pass: Pass
    /// What each of the queries' segments sees of it.
    let keys: [KeyRanges]
  }

  /// Where keys and values go when prompts are read, and come from when tokens are generated.
  struct Decoding {
    let cache: KeyValueCache
    /// Each example's slot.
    let slots: [Int]
    /// Whether each example is one new position behind what its slot holds.
    let isStep: Bool
  }

  /// Over the rows that a part reads.
  private(set) var pass: Pass
  /// What each segment sees of its own stream; none where a cache holds the keys.
  private(set) var keys: [KeyRanges]
  /// By which self-attention tells positions, if not by their embeddings.
  let bias: DistanceBias?
  /// nil where there is no other stream.
  private(set) var source: Source?
  /// nil in training and scoring.
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
    keys = decoding?.isStep == true ? [] : pass.rows.ownKeys
    self.source = source.map { states, sourcePass in
      Source(states: states, pass: sourcePass, keys: pass.rows.keys(in: sourcePass.rows))
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
