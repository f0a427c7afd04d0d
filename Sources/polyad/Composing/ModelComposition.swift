import Adapters
import Checkpoints
import Foundation
import Training

/// `polyad compose` of models that were trained whole.
struct ModelComposition {
  private let operation: ArithmeticOperator
  private let terms: [Compose.NamedFolder]
  private let command: Compose

  /// nil where the folders are to be taken as adapters.
  ///
  /// - Throws: `UsageError` for options that do not go with what the folders hold, `CommandError.noFolder(path:)` or
  ///   `TaskVectorError.mixedWithAdapter(model:adapter:)`.
  init?(_ operation: ArithmeticOperator, _ terms: [Compose.NamedFolder], _ command: Compose) throws {
    for term in terms where !FileSystem.isFolder(term.folder) { throw CommandError.noFolder(path: term.folder.path) }
    let adapter = terms.first { ModelOptions.holdsAdapter($0.folder) }
    let model = terms.first { !ModelOptions.holdsAdapter($0.folder) && ModelOptions.holdsModel($0.folder) }
    if let adapter, let model { throw TaskVectorError.mixedWithAdapter(model: model.name, adapter: adapter.name) }
    guard model != nil else {
      guard command.model == nil else {
        throw UsageError("--model is the base of models that were trained whole; adapters need none: leave it out")
      }
      return nil
    }
    // A model whose weights cancel in an expression counts for nothing, unless there is no other.
    let counting = command.expression == nil ? terms : terms.filter { $0.weight != 0 }
    (self.operation, self.terms, self.command) = (operation, counting.isEmpty ? terms : counting, command)
    let refused: [(option: String, isGiven: Bool, reason: String)] = [
      ("--peft-compatible", command.peftCompatible, "PEFT combines no whole models"),
      ("--base-model", command.baseModel != nil, "it names the base of adapters; for whole models say --model DIR"),
      ("--overwrite", command.overwrite, "only adapters are replaced, and whole models need a new folder"),
    ]
    for (option, isGiven, reason) in refused where isGiven { throw UsageError("\(option): \(reason); leave it out") }
  }

  /// Writes the model and prints what came of it.
  func compose() throws {
    try OutputTarget.requireNewFolder(command.output, option: "--output")
    let sum = try CommandError.loadingModel {
      try TaskVectorSum(
        operation,
        terms.map { WeightedModel(name: $0.name, folder: try ModelFolder($0.folder), weight: $0.weight) },
        base: command.model.map(ModelAssembly.folder), options: command.options)
    }
    var report: ModelCompositionReport?
    try AtomicFolder.write(to: URL(filePath: command.output), replaceExisting: false, writesManifest: false) {
      let made = ModelCompositionReport(
        WeightedSum(operation: operation, terms: terms.map { ($0.name, $0.weight) }), base: command.model,
        try sum.write(into: $0), averaged: sum.averagedTensors, output: command.output)
      try Compose.write(made.record, into: $0)
      report = made
    }
    guard let report else { return }
    if command.json { return try CommandOutput.result(report.json) }
    try CommandOutput.result(report.lines.joined(separator: "\n"))
  }
}
