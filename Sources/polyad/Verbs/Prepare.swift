import ArgumentParser
import Backbones
import Checkpoints
import Foundation
import Tasks
import Tokenizers
import Training

/// `polyad prepare`.
struct Prepare: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tokenises and caches a recipe's tasks, and shows examples.",
    discussion: """
      What is cached here, train and evaluate read. The ranks share the tasks. A table says what training saves by \
      computing once what examples begin with. With --json the result is a JSON line an example: task, split, id, \
      source, target, references, input_ids, labels.
      """)

  @OptionGroup var recipeOptions: RecipeOptions
  @Option(help: "Which files: train or test. Default: both.")
  var split: DataSplit?
  @Option(help: "Show so many examples of each task, the tokens trained on between ⟦ and ⟧. With --json: default all.")
  var show: Int?
  @Flag(help: "Print a JSON line an example, and nothing else, on standard output.")
  var json = false

  func validate() throws {
    if show ?? 0 < 0 { throw ValidationError("--show must be 0 or more") }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let recipe = try recipeOptions.load()
    let splits = splits(recipe)
    guard !splits.isEmpty else { throw CommandError.noTestSet(recipe: recipeOptions.recipe) }
    let (tokenizer, model) = try CommandError.loadingModel { try modelFiles(recipe) }
    let adapter = try CommandError.loadingModel { try recipe.adapterConfiguration() }
    let tasks = try TaskAssembly(
      recipe, adapter: adapter, tokenizer: tokenizer, inputs: ModelInputs(model), splits: splits, ranks: ranks)
    guard ranks.isMain else { return false }
    for note in tasks.notes { CommandOutput.message("note: \(note)") }
    let sets = tasks.training.enumerated().map { ($0, $1) } + tasks.testing.map { ($0.task, $0.examples) }
    for (task, set) in sets {
      let examples = try PreparedExamples(set, tasks.specifications[task], tokenizer: tokenizer)
      for example in examples.prefix(show ?? (json ? set.count : 0)) {
        try CommandOutput.result(json ? example.json.text : example.text)
      }
    }
    if splits.contains(.train) {
      try show(tasks.sharingReport(of: recipe, adapter: adapter, architecture: model.architecture).table)
      try show("")
    }
    try show(table(tasks.reports))
    return false
  }

  /// A table, on standard output where that has no JSON.
  private func show(_ table: Table) throws { try show(table.lines.joined(separator: "\n")) }

  private func show(_ text: String) throws {
    if json { CommandOutput.message(text) } else { try CommandOutput.result(text) }
  }

  private func splits(_ recipe: Recipe) -> Set<DataSplit> {
    let present = DataSplit.allCases.filter { split in
      recipe.tasks.contains { (split == .train ? $0.train : $0.test) != nil }
    }
    guard let split else { return Set(present) }
    // A missing training file is the error that training would meet.
    return split == .train || present.contains(.test) ? [split] : []
  }

  /// The tokenizer, if there is one, and the model's configuration; the weights are not needed.
  private func modelFiles(_ recipe: Recipe) throws -> (Tokenizer?, any BackboneConfiguration) {
    let configuration = try BackboneLoader.configuration(of: ModelAssembly.folder(recipe.modelNameOrPath))
    try recipe.requireFit(positions: configuration.positionCount)
    try recipe.requireSharing(by: configuration.architecture)
    let folder = try ModelAssembly.tokenizerFolder(recipe.tokenizerNameOrPath)
    return (Tokenizer.file(in: folder) == nil ? nil : try Tokenizer(folder: folder), configuration)
  }

  private func table(_ reports: [PreparationReport]) -> Table {
    var table = Table(columns: [
      .init("task"), .init("split"), .init("examples", .right), .init("tokens", .right),
      .init("label tokens", .right), .init("longest", .right), .init("cut prompts", .right),
      .init("cut answers", .right), .init("dropped", .right), .init("ending in EOS", .right), .init("from"),
    ])
    for report in reports {
      table.append([
        report.task, report.split.rawValue, Formatting.count(report.examples), Formatting.count(report.tokens),
        Formatting.count(report.labelTokens), Formatting.count(report.longestExample),
        Formatting.count(report.cutSources), Formatting.count(report.cutTargets), Formatting.count(report.dropped),
        Formatting.percent(Double(report.endingInEndOfText) / Double(max(report.examples, 1))),
        report.isFromCache ? "cache" : "file",
      ])
    }
    return table
  }
}

extension DataSplit: ExpressibleByArgument {}
