import ArgumentParser
import Checkpoints
import Foundation
import JSON
import Tensors
import Training

/// `polyad evaluate`.
struct Evaluate: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Scores a recipe's test sets, per task and mean.",
    discussion: """
      Answers are generated or, where a task says `prediction: rank_classification`, the likeliest of its labels. \
      Metrics are percentages, except perplexity and loss. The ranks share the examples.
      """)

  @OptionGroup var recipeOptions: RecipeOptions
  @Option(
    help: "An adapter folder, a whole model's folder, or none for the bare model. Default: the recipe's output_dir.",
    completion: .directory)
  var adapter: String?
  @Flag(help: "Score the bare model, as --adapter none does.")
  var base = false
  @Option(help: "Write every answer to this file, a JSON line each.", completion: .file(extensions: ["jsonl"]))
  var predictions: String?
  @Option(help: "How frozen weights are held: fp32 or bf16. Default: the recipe's.")
  var precision: Precision?
  @Flag(help: "Score though the hosts' processors or kernels differ; answers then depend on who gives them.")
  var allowMixedProcessors = false
  @Flag(help: "Print one JSON object as the result.")
  var json = false

  func validate() throws {
    if base, adapter ?? "none" != "none" { throw ValidationError("--base and --adapter exclude each other") }
  }

  var allowsMixedProcessors: Bool { allowMixedProcessors }

  func run(on ranks: Ranks) throws -> Bool {
    let recipe = try recipeOptions.load()
    ranks.watch(by: recipe)
    try Agreement.require(recipe.facts + optionFacts(recipe), ranks)
    guard recipe.tasks.contains(where: { $0.test != nil }) else {
      throw CommandError.noTestSet(recipe: recipeOptions.recipe)
    }
    if ranks.isMain { try OutputTarget.requireWritable(predictions, option: "--predictions") }
    let assembly = try CommandError.loadingModel {
      try Agreement.require(recipe.fileFacts(adapters: isBare ? [] : [folder(recipe)], ranks), ranks)
      return try load(recipe, ranks)
    }
    let backbone = assembly.model.backbone
    try recipe.requireFit(positions: backbone.maximumLength)
    try recipe.requireSharing(by: backbone.architecture)
    let tasks = try TaskAssembly(
      recipe, adapter: assembly.model.configuration, tokenizer: assembly.tokenizer, inputs: ModelInputs(backbone),
      splits: [.test], ranks: ranks)
    try Agreement.require(tasks.facts, ranks)
    try tasks.requireHeads(of: assembly.model)
    let console = ProgressLine.standardError()
    guard
      let evaluator = Evaluator(
        assembly.model, tokenizer: assembly.tokenizer, tasks: tasks, options: recipe.evaluationOptions, ranks: ranks)
    else { throw RunError.noTokenizer(folder: recipe.tokenizerNameOrPath) }
    if ranks.isMain {
      for line in ProductLines.all(assembly.loaded.weights.precision) { console.print(line) }
      for note in ranks.notes + tasks.notes + evaluator.notes { console.print("note: \(note)") }
    }
    let start = ContinuousClock.now
    let result = try evaluator.run { if ranks.isMain { console.show("evaluating \(Formatting.percent($0))") } }
    console.clear()
    if let result { try conclude(result, seconds: (ContinuousClock.now - start) / .seconds(1), recipe) }
    try assembly.free()
    return false
  }

  /// What of the command line must be the same on all ranks.
  private func optionFacts(_ recipe: Recipe) -> [Fact] {
    [
      Fact(.recipe, "`--adapter`", isBare ? "none" : folder(recipe).path),
      Fact(.recipe, "`--precision`", (precision ?? recipe.precision).rawValue),
    ]
  }

  private func conclude(_ result: Evaluator.Result, seconds: Double, _ recipe: Recipe) throws {
    if let predictions { try FileSystem.atomicWrite(result.predictionLines(), to: URL(filePath: predictions)) }
    let record = EvaluationRecord(step: 0, epoch: 0, tasks: result.tasks, seconds: seconds)
    guard json else { return try CommandOutput.result(record.table) }
    try CommandOutput.result([
      "model": .string(recipe.modelNameOrPath), "adapter": isBare ? .null : .string(folder(recipe).path),
      "mean": .object(record.means),
      "tasks": .object(record.tasks.map { JSONValue.Member($0.name, .object($0.scores)) }),
      "examples": .int(result.predictions.count), "seconds": .double(seconds),
    ])
  }

  // MARK: Which model

  private var isBare: Bool { base || adapter == "none" }

  private func folder(_ recipe: Recipe) -> URL { URL(filePath: adapter ?? recipe.outputDir) }

  private func load(_ recipe: Recipe, _ ranks: Ranks) throws -> ModelAssembly {
    let precision = precision ?? recipe.precision
    let tokenizer = recipe.tokenizerNameOrPath == recipe.modelNameOrPath ? nil : recipe.tokenizerNameOrPath
    if isBare {
      // Random weights are in no file: the recipe's own start is the bare model.
      if recipe.initWeights == .random {
        guard precision == .fp32 else {
          throw UsageError("--precision bf16: random weights that all train are fp32; leave it out")
        }
        return try ModelAssembly(recipe, ranks: ranks)
      }
      return try ModelAssembly(
        model: recipe.modelNameOrPath, adapter: nil, tokenizer: tokenizer, precision: precision, by: recipe,
        ranks: ranks)
    }
    let folder = folder(recipe)
    if ModelOptions.holdsAdapter(folder) {
      return try ModelAssembly(
        model: recipe.modelNameOrPath, adapter: folder.path, tokenizer: tokenizer, precision: precision,
        by: recipe, ranks: ranks)
    }
    guard ModelOptions.holdsModel(folder) else {
      throw adapter == nil
        ? CommandError.notTrained(folder: folder.path)
        : CommandError.noAdapter(folder: folder.path, holdsModel: false)
    }
    return try ModelAssembly(
      model: folder.path, adapter: nil, tokenizer: recipe.tokenizerNameOrPath, precision: precision, by: recipe,
      ranks: ranks)
  }
}
