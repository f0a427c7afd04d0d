import Tensors

/// A frozen language model into which adapters are set, forward and backward.
///
/// One pass is under way at a time: `backward` belongs to the last `forward` with ``Pass/keepsActivations``.
public protocol Backbone: AnyObject {
  /// Hugging Face's `model_type`.
  var family: String { get }
  /// How it reads a prompt and its answer.
  var architecture: Architecture { get }
  /// Tokens a sequence may have.
  var maximumLength: Int { get }
  /// Every linear map an adapter can sit on, in the order of the computation.
  var linears: [Linear] { get }
  /// Every array of the model, in the order of its file; a tied one once.
  var parameters: [Parameter] { get }
  /// Token ids are below it.
  var vocabularySize: Int { get }
  /// Token types are below it (BERT's segments).
  var tokenTypeCount: Int { get }
  /// The head that tells tokens apart; nil: the folder has none.
  var head: (any OutputHead)? { get }

  /// Floating-point operations of the frozen products of one sequence, forward and backward, adapters left out.
  ///
  /// Two a multiply-add; only what the mathematics asks for, not what is computed again to save memory: no input
  /// gradient at the maps that read the embedding.
  ///
  /// - Parameter tokenCount: Of prompt and answer; of the prompt alone in an encoder-decoder model.
  func trainingOperations(tokenCount: Int, labelCount: Int) -> Double

  /// How many rows a map sees of one such sequence.
  func rowCount(of linear: Linear, tokenCount: Int, labelCount: Int) -> Int

  /// What a training pass over one sequence computes, forward and backward, adapters left out: all that the program
  /// does, where ``trainingOperations(tokenCount:labelCount:)`` is what the mathematics asks for.
  func passWork(tokenCount: Int, labelCount: Int) -> PassWork

  /// What a training pass over a part's rows takes, heads included.
  func passMemory(_ rows: PassRows, isCheckpointed: Bool) -> PassMemory

  /// The layers that a checkpointed pass computes again one by one.
  var layerCount: Int { get }

  /// The path of the output projection in Hugging Face's model, where it may be the embedding's array.
  var projectionPath: String { get }

  /// Makes the output projection a parameter of its own, so that it can be trained apart from the embedding.
  func untieHead()

  /// The final hidden states, which heads read, at the batch's label rows. Shape: (labels, width).
  ///
  /// - Parameter pass: Over the batch's rows.
  func forward(_ batch: PackedBatch, _ pass: Pass) -> Matrix

  /// Adds every trained parameter's gradient, from the gradient of `forward`'s result.
  func backward(_ dHidden: Matrix, _ batch: PackedBatch, _ pass: Pass)
}

/// A backbone that continues prompts token by token.
public protocol GenerativeBackbone: Backbone {
  /// Bytes that one position's keys and values take in a cache.
  var cacheRowByteCount: Int { get }

  /// An empty cache of so many positions and, in an encoder-decoder model, as many of sources.
  func makeCache(rowCount: Int) -> KeyValueCache

  /// The final hidden states that a batch reads, at least one, in the order of the batch; its keys and values go into
  /// the cache. Shape: (``DecodingBatch/readCount``, width).
  ///
  /// - Parameter pass: Over the batch's rows.
  func extend(_ batch: DecodingBatch, _ cache: KeyValueCache, _ pass: Pass) -> Matrix
}

extension Backbone {
  /// Most families are decoders.
  public var architecture: Architecture { .decoderOnly }

  public var projectionPath: String { "lm_head" }

  /// Most families know no segments.
  public var tokenTypeCount: Int { 1 }
}
