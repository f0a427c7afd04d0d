import Adapters
import ArgumentParser
import Backbones
import Foundation
import Tensors
import Training

/// A model and sequences of one length: a recipe's model, or a published shape with a method.
struct ShapeOptions: ParsableArguments {
  @Argument(help: "A recipe. Without it: a preset.", completion: .file(extensions: ["yaml", "yml"]))
  var recipe: String?
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: "Of a recipe a key, such as adapter.r=4; with --preset a key of the adapter section, such as r=4.")
  var settings: [String] = []
  @Option(
    name: .customLong("preset"),
    help: "The model's shape: \(PlannedShape.names.joined(separator: ", ")). Default: gpt2.")
  var presetChoice: String?
  @Option(
    name: .customLong("method"),
    help: "What is trained: a recipe's peft_type, with 4 experts or skills where it has such. Default: LORA.")
  var methodChoice: String?
  @Option(
    name: .customLong("r"), help: "The rank of the update that a token meets, all its experts together. Default: 8.")
  var activeRankChoice: Int?
  @Option(name: .customLong("tasks"), help: "Tasks that the sequences are of. Default: 12.")
  var tasksChoice: Int?
  @Option(
    name: .customLong("precision"), help: "How the model's frozen weights are held: fp32 (default) or bf16.")
  var precisionChoice: Precision?

  var preset: String { presetChoice ?? "gpt2" }
  var tasks: Int { tasksChoice ?? 12 }
  var precision: Precision { precisionChoice ?? .fp32 }

  /// What a report calls the model.
  var name: String { recipe ?? preset }

  func validate() throws {
    guard tasks > 0, activeRankChoice ?? 1 > 0 else { throw ValidationError("--tasks and --r must be above 0") }
    if recipe != nil, let first = words.first(where: { $0.hasPrefix("--") }) {
      throw ValidationError("\(first) has no place beside a recipe, which says it itself: use --set KEY=VALUE")
    }
    guard PlannedShape.names.contains(preset) else {
      throw ValidationError("unknown preset \"\(preset)\"; known: \(PlannedShape.names.joined(separator: ", "))")
    }
  }

  /// The options that a recipe says itself, as far as they were given.
  private var words: [String] {
    let values: [(String, String?)] = [
      ("preset", presetChoice), ("method", methodChoice), ("r", activeRankChoice.map(String.init)),
      ("tasks", tasksChoice.map(String.init)), ("precision", precisionChoice?.rawValue),
    ]
    return values.flatMap { name, value in value.map { ["--\(name)", $0] } ?? [] }
  }

  /// The command line that names the same.
  var commandLine: [String] { [recipe].compactMap(\.self) + settings.flatMap { ["--set", $0] } + words }

  func loadRecipe() throws -> Recipe? {
    try recipe.map { try Recipe.load(URL(filePath: $0), overrides: settings) }
  }

  /// What a preset's method trains.
  func adapter() throws -> AdapterConfiguration {
    try Recipe.benchmarkAdapter(
      peftType: methodChoice ?? "LORA", overrides: settings, activeRank: activeRankChoice ?? 8, taskCount: tasks)
  }
}
