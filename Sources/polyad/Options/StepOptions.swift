import Adapters
import ArgumentParser
import Training

/// The steps that a bench measures: those of a recipe, or of a model's shape on real tasks.
struct StepOptions: ParsableArguments {
  @Argument(
    help: "A recipe, whose model, data, batch and parts are measured. Without it and --data: built-in ones.",
    completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: """
      With --data a key of a recipe's adapter section, such as n_splits=4 or use_dora=true; otherwise a key of the \
      recipe, such as adapter.r=4.
      """)
  var settings: [String] = []
  @OptionGroup var subject: BenchmarkOptions
  @Option(
    name: .customLong("method"),
    help: "What is trained: a recipe's peft_type, with 4 experts or skills where it has such. Default: LORA.")
  var methodChoice: String?
  @Option(
    name: .customLong("r"),
    help: "The rank of the update that a token meets, all its experts together. Default: 8.")
  var activeRankChoice: Int?
  @Option(help: "Tasks that the examples are dealt out to. Default: one a file.")
  var tasks: Int?
  @Flag(help: "Leave what belongs to tasks outside the batch untouched, as sparse_updates does.")
  var sparseUpdates = false
  @Flag(help: "Compute activations again in place of keeping them, as activation_checkpointing does.")
  var activationCheckpointing = false
  @Option(name: .customLong("batch"), help: "Sequences a rank and step. Default: 4.")
  var batchChoice: Int?
  @Option(name: .customLong("micro-batches"), help: "Parts that a rank's sequences are cut in. Default: 1.")
  var microBatchesChoice: Int?
  @Option(name: .customLong("max-length"), help: "Tokens a sequence at most. Default: 512.")
  var maxLengthChoice: Int?
  @Option(
    name: .customLong("group"),
    help: """
      Of a task's examples so many are drawn together, as a recipe's mixing.group; where something is shared. \
      Default: 1.
      """)
  var groupChoice: Int?
  @Option(help: "Measured steps, after one that warms up.")
  var steps = 8

  var method: String { methodChoice ?? "LORA" }
  var activeRank: Int { activeRankChoice ?? 8 }
  var batch: Int { batchChoice ?? 4 }
  var microBatches: Int { microBatchesChoice ?? 1 }
  var maxLength: Int { maxLengthChoice ?? 512 }
  var group: Int { groupChoice ?? 1 }

  /// Whether steps of a recipe are measured: the user's or, where nothing is named, the built-in one.
  var isOfRecipe: Bool { recipe != nil || shapeWords.isEmpty }

  func validate() throws {
    let counts = [batch, microBatches, steps, activeRank, tasks ?? 1, maxLength - 1]
    guard counts.allSatisfy({ $0 > 0 }) else {
      throw ValidationError(
        "--batch, --micro-batches, --steps, --tasks and --r must be above 0, --max-length at least 2")
    }
    if recipe != nil, let first = shapeWords.first {
      throw ValidationError("\(first) has no place beside a recipe, which says it itself: use --set KEY=VALUE")
    }
    if !isOfRecipe { try subject.requireData() }
  }

  /// The recipe to measure, if one is.
  func loadRecipe() throws -> Recipe? {
    guard isOfRecipe else { return nil }
    return try recipe.map { try Recipe.load(.init(filePath: $0), overrides: settings) }
      ?? Recipe.builtIn(overrides: settings)
  }

  /// What a report calls the steps' model.
  var name: String { recipe ?? (isOfRecipe ? "the built-in recipe" : subject.name) }

  /// The options that say what a recipe says, as far as they were given.
  private var shapeWords: [String] {
    let values: [(String, String?)] = [
      ("method", methodChoice), ("r", activeRankChoice.map(String.init)), ("tasks", tasks.map(String.init)),
      ("batch", batchChoice.map(String.init)), ("micro-batches", microBatchesChoice.map(String.init)),
      ("max-length", maxLengthChoice.map(String.init)), ("group", groupChoice.map(String.init)),
    ]
    let flags = [("sparse-updates", sparseUpdates), ("activation-checkpointing", activationCheckpointing)]
    return subject.words + values.flatMap { name, value in value.map { ["--\(name)", $0] } ?? [] }
      + flags.filter(\.1).map { "--\($0.0)" }
  }

  /// The command line that measures the same steps.
  ///
  /// - Parameters:
  ///   - settings: Further keys to set, of a recipe.
  ///   - batch: Sequences a rank and the parts they are cut in, where there is no recipe.
  func words(settings more: [String] = [], batch: (sequences: Int, parts: Int)? = nil) -> [String] {
    var words = [recipe].compactMap(\.self) + (settings + more).flatMap { ["--set", $0] } + ["--steps", "\(steps)"]
    guard !isOfRecipe else { return words }
    var other = self
    if let batch { (other.batchChoice, other.microBatchesChoice) = (batch.sequences, batch.parts) }
    words += other.shapeWords
    return words
  }
}
