import Adapters
import Backbones
import Tensors

/// The memory that a run takes of a rank and of a node, known before anything is loaded.
public struct MemoryPlan: Sendable, Equatable {
  /// Something that a rank has to itself.
  public struct Item: Sendable, Equatable {
    public let name: String
    public let byteCount: Int
  }

  /// How the run is spread, as far as memory depends on it.
  public struct Spread: Sendable, Equatable {
    public var rankCount = 1
    /// Parts that a rank computes one after the other.
    public var partsPerRank = 1
    public var isCheckpointed = false
    /// Numbers that a step's tasks can touch, which are summed over ranks; nil: all that train.
    public var touchedCount: Int?
    /// Arrays of an optimizer, as many numbers each as train: AdamW's moments.
    public var optimizerArrays = 2
    /// Tokens of all training and test sets, which each rank has in memory.
    public var dataTokens = 0

    public init() {}
  }

  /// Bytes of the frozen weights: once a node.
  public let weightBytes: Int
  /// Those of them that lie in a window of shared memory, which is a file of /dev/shm.
  public let windowBytes: Int
  /// What each rank has to itself.
  public let rankItems: [Item]
  /// Bytes that each rank gives to the sum of a step's gradient.
  public let gradientBytes: Int
  /// Bytes of a checkpoint's arrays: the trained numbers and the optimizer's.
  public let checkpointBytes: Int

  public var rankBytes: Int { rankItems.reduce(0) { $0 + $1.byteCount } }

  /// Bytes of a node's memory.
  public func nodeBytes(ranks: Int) -> Int { weightBytes + ranks * rankBytes + sharedMessageBytes(ranks: ranks) }

  /// Bytes of a node's /dev/shm.
  public func sharedMemoryBytes(ranks: Int) -> Int { windowBytes + sharedMessageBytes(ranks: ranks) }

  private func sharedMessageBytes(ranks: Int) -> Int { ranks > 1 ? ranks * Self.messageBytes : 0 }

  /// What Open MPI keeps for messages between the ranks of a node, a rank: its vader segment, and PMIx's.
  static let messageBytes = 5 << 20
  /// What a rank of this program takes before it has a model: libraries' own memory, MPI, threads' stacks.
  static let processBytes = 60 << 20

  /// - Parameter rows: Of the largest part.
  public init(_ model: ModelOutline, rows: PassRows, spread: Spread = Spread()) {
    (weightBytes, windowBytes) = (model.weightBytes, model.windowBytes)
    let trained = model.adapter.parameterCount * 4, touched = (spread.touchedCount.map { $0 * 4 } ?? trained)
    gradientBytes = min(touched, trained)
    checkpointBytes = trained * (1 + spread.optimizerArrays)
    let pass = model.backbone.passMemory(rows, isCheckpointed: spread.isCheckpointed)
    rankItems = [
      Item(name: "program", byteCount: Self.processBytes),
      Item(name: "data", byteCount: spread.dataTokens * 8),
      Item(name: "trained numbers, gradients, optimizer", byteCount: trained * (2 + spread.optimizerArrays)),
      Item(name: "sums of gradients", byteCount: Self.reductionBytes(gradientBytes, spread)),
      Item(name: "activations", byteCount: 4 * pass.kept),
      Item(name: "short-lived values", byteCount: 4 * pass.scratch),
      Item(name: "copies for products", byteCount: Self.copyBytes(model, rows)),
    ].filter { $0.byteCount > 0 }
  }

  /// A recipe's, where every sequence has as many tokens as it allows: no run takes more.
  ///
  /// - Throws: An error of the model's folder, or of the adapter.
  public init(_ recipe: Recipe, ranks: Int = 1, threads: Int = 1) throws {
    let model = try ModelOutline(recipe)
    self.init(
      model,
      rows: PassRows(
        model.backbone.architecture, sequences: recipe.sequencesPerPart, tokens: recipe.maxSeqLength,
        labels: recipe.maxTargetLength, tasks: min(recipe.tasks.count, recipe.sequencesPerPart), threads: threads),
      spread: Spread(recipe, model, ranks: ranks))
  }

  /// The tree's partial sums, a level each, and what the exchange receives and packs.
  private static func reductionBytes(_ byteCount: Int, _ spread: Spread) -> Int {
    let parts = max(spread.partsPerRank, 1), levels = Int.bitWidth - parts.leadingZeroBitCount
    guard spread.rankCount > 1 else { return byteCount * levels }
    let isPowerOfTwo = parts & (parts - 1) == 0
    return byteCount * (levels + 1 + (isPowerOfTwo ? 0 : 2))
  }

  /// The left factor of a product in bf16, and tiles of results.
  private static func copyBytes(_ model: ModelOutline, _ rows: PassRows) -> Int {
    let widest = model.backbone.linears.map { max($0.inputs, $0.outputs) }.max() ?? 0
    let factor = model.precision == .bf16 ? 2 * max(rows.tokens, rows.sources) * widest : 0
    let logits = model.precision == .bf16 ? 2 * min(rows.labels, 128) * model.backbone.vocabularySize : 0
    return max(factor, logits) + rows.threads * 256 * widest * 4
  }
}

extension MemoryPlan.Spread {
  /// A recipe's on some ranks.
  public init(_ recipe: Recipe, _ model: ModelOutline, ranks: Int) {
    self.init()
    rankCount = ranks
    partsPerRank = (recipe.microBatches + ranks - 1) / max(ranks, 1)
    isCheckpointed = recipe.activationCheckpointing
    touchedCount = model.adapter.touchedCount(tasks: min(recipe.tasks.count, recipe.trainBatchSize))
  }
}

extension PassRows {
  /// Sequences of equal length.
  ///
  /// - Parameters:
  ///   - tokens: Of a prompt and, in a decoder-only model, its answer.
  ///   - labels: Of an answer.
  public init(
    _ architecture: Architecture, sequences: Int, tokens: Int, labels: Int, tasks: Int = 1, threads: Int = 1
  ) {
    switch architecture {
    case .decoderOnly:
      self.init(
        tokens: sequences * tokens, labels: sequences * min(labels, tokens), longest: tokens, tasks: tasks,
        threads: threads)
    case .encoderDecoder:
      self.init(
        tokens: sequences * labels, sources: sequences * tokens, labels: sequences * labels, longest: labels,
        longestSource: tokens, tasks: tasks, threads: threads)
    case .encoderOnly:
      self.init(tokens: sequences * tokens, labels: sequences, longest: tokens, tasks: tasks, threads: threads)
    }
  }
}
