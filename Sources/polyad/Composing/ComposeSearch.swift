import Adapters
import Checkpoints
import Foundation
import JSON
import Training

/// The work of `polyad compose --search`.
struct ComposeSearch {
  private let command: Compose
  private let expression: String

  /// The files beside the adapter: the scores of each λ, as numbers and drawn.
  static let scoresName = "search.json", plotName = "search.svg"

  init(_ command: Compose, _ expression: String) { (self.command, self.expression) = (command, expression) }

  private var options: SearchOptions { command.searchOptions }
  private var operation: ArithmeticOperator { command.operation ?? .add }

  /// Collective.
  func run(on ranks: Ranks) throws {
    try command.requireAdapters()
    let grid = try LambdaGrid(options.grid ?? "0:1:0.1")
    let sums = try grid.values.map(terms)
    try command.options.validate(for: operation)
    if try ModelComposition(operation, Array(sums.joined()), command) != nil {
      throw UsageError("--search looks among sums of adapters; compose models that were trained whole one at a time")
    }
    let folders = Dictionary(sums.joined().map { ($0.name, $0.folder) }) { first, _ in first }
    if ranks.isMain { try command.requireOutput(among: Array(folders.values)) }
    let recipe = try options.loadRecipe()
    try Agreement.require(recipe.facts + optionFacts, ranks)
    // What is there on some ranks only is told, too.
    let files = Set(folders.values).sorted { $0.path < $1.path }
    let adapters = try folders.mapValues(Compose.adapter)
    let candidates = zip(grid.values, sums).map { lambda, terms in
      AdapterSearch.Candidate(
        lambda: lambda,
        request: ArithmeticRequest(
          operation, expression: weighted(terms, adapters), options: command.options))
    }
    let assembly = try CommandError.loadingModel {
      try Agreement.require(recipe.fileFacts(adapters: files, ranks), ranks)
      return try ModelAssembly(
        model: recipe.modelNameOrPath, adapter: nil,
        tokenizer: recipe.tokenizerNameOrPath == recipe.modelNameOrPath ? nil : recipe.tokenizerNameOrPath,
        precision: recipe.precision, by: recipe, ranks: ranks)
    }
    let search = try AdapterSearch(
      recipe, assembly: assembly, candidates: candidates, metric: options.metric, ranks: ranks)
    for note in ranks.notes + search.notes { CommandOutput.message("note: \(note)") }
    let result = try search.run { CommandOutput.message("\($0 + 1) of \(candidates.count), \($1)") }
    if let result { try conclude(result, candidates[result.best].request) }
    try search.free()
    try assembly.free()
  }

  /// What of the command line must be the same on all ranks.
  private var optionFacts: [Fact] {
    [
      ("--search", expression), ("--grid", options.grid ?? ""), ("--metric", options.metric ?? ""),
      ("--adapter", command.adapters.joined(separator: " ")), ("--operator", operation.rawValue),
      ("the options of the operator", "\(command.options)"),
    ].map { Fact(.recipe, "`\($0)`", $1) }
  }

  private func terms(_ lambda: Double) throws -> [Compose.NamedFolder] {
    do {
      return try command.terms(of: expression, operation, variable: lambda)
    } catch let error as ExpressionError where error.fault.dependsOnVariable {
      throw CandidateError(lambda, error)
    }
  }

  private func weighted(_ terms: [Compose.NamedFolder], _ adapters: [String: SavedAdapter]) -> [WeightedAdapter] {
    terms.compactMap { term in
      adapters[term.name].map { WeightedAdapter(name: term.name, adapter: $0, weight: term.weight) }
    }
  }

  // MARK: The output

  private func conclude(_ result: SearchResult, _ request: ArithmeticRequest) throws {
    // The scores are said first: they took long, and the folder may not take the adapter.
    if !command.json { try CommandOutput.result((result.table.lines + [""]).joined(separator: "\n")) }
    let composition = try Composition(request)
    let found: [JSONValue.Member] =
      [
        .init("expression", .string(expression)), .init("recipe", .string(options.recipe ?? "")),
        .init("set", .array(options.overrides.map { .string($0) })),
        .init("adapters", .array(command.adapters.map { .string($0) })),
        .init("operator", .string(operation.rawValue)),
      ] + result.json
    let report = CompositionReport(request, composition, output: command.output)
    try AtomicFolder.write(
      to: URL(filePath: command.output), replaceExisting: command.overwrite, writesManifest: false
    ) { folder in
      try composition.result.write(into: folder)
      try Compose.write(report.record, into: folder)
      try FileSystem.atomicWrite(
        Data((JSONValue.object(found).text + "\n").utf8), to: folder.appending(path: Self.scoresName))
      try FileSystem.atomicWrite(
        Data(result.plot(title: expression).svg.utf8), to: folder.appending(path: Self.plotName))
    }
    if command.json {
      return try CommandOutput.result(.object(found + [.init("composition", report.json)]))
    }
    try CommandOutput.result(report.lines.joined(separator: "\n"))
  }
}
