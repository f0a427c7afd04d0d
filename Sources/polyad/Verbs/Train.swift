import ArgumentParser
import Foundation
import JSON
import MessagePassing
import Tensors
import Training

/// `polyad train`.
struct Train: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a recipe's adapter on all its tasks.",
    discussion: """
      The run folder (output_dir) gets recipe.yaml, metrics.jsonl, train.log, TensorBoard events, checkpoints, \
      evaluations and, at the end, the adapter itself. SIGTERM or SIGUSR1 saves and stops with exit code 75.
      """)

  @OptionGroup var recipeOptions: RecipeOptions
  @Flag(help: "Continue from the newest good checkpoint in output_dir; start anew where there is none.")
  var resume = false
  @Flag(help: "Replace the run that output_dir holds.")
  var overwrite = false
  @Flag(
    help: "Train though the hosts' processors or kernels differ; the result then has not the bits of one kind alone.")
  var allowMixedProcessors = false
  @Flag(help: "Show what would be trained, and how much, without training.")
  var dryRun = false
  @Option(help: "Train so many steps alone, without test sets, and save halfway and at the end, as verify does.")
  var rehearse: Int?
  @Flag(help: "Print the files and folders of the run and how far it has come, one a line, for scripts.")
  var paths = false
  @Flag(help: "Print one JSON object as the result.")
  var json = false

  func validate() throws {
    if resume && overwrite { throw ValidationError("--resume and --overwrite exclude each other") }
    if paths && dryRun { throw ValidationError("--paths and --dry-run exclude each other") }
    if let rehearse {
      guard rehearse > 1 else { throw ValidationError("--rehearse must be at least 2") }
      if paths { throw ValidationError("--rehearse and --paths exclude each other") }
    }
  }

  func runsAlone() throws -> Bool {
    guard paths else { return false }
    StopSignal.release()
    guard CommandOutput.isFirst else { return true }
    let found = try RunPaths(recipeOptions.load())
    try CommandOutput.result(json ? found.json.text : found.lines.joined(separator: "\n"))
    return true
  }

  static let stopsOnSignal = true
  var allowsMixedProcessors: Bool { allowMixedProcessors }

  func run(on ranks: Ranks) throws -> Bool {
    let whole = try recipeOptions.load(), recipe = rehearse.map { whole.rehearsal(steps: $0) } ?? whole
    try Agreement.require(recipe.facts + optionFacts, ranks)
    ranks.watch(by: recipe)
    let assembly = try CommandError.loadingModel {
      let resumed = try resume ? Trainer.configurationToResume(recipe, ranks) : nil
      let start = resumed == nil ? recipe.adapter.initFrom.map { URL(filePath: $0) } : nil
      try Agreement.require(recipe.fileFacts(adapters: start.map { [$0] } ?? [], ranks), ranks)
      return try ModelAssembly(recipe, resuming: resumed, ranks: ranks)
    }
    let trainer = try Trainer(recipe, assembly: assembly, ranks: ranks)
    let introduction = try introduction(trainer, ranks)
    let isStopped = try dryRun ? show(trainer, introduction, ranks) : train(trainer, introduction, ranks)
    try trainer.free()
    try assembly.free()
    return isStopped
  }

  /// What of the command line must be the same on all ranks.
  private var optionFacts: [Fact] {
    [("--resume", resume), ("--overwrite", overwrite), ("--dry-run", dryRun)].map {
      Fact(.recipe, "`\($0)`", $1 ? "on" : "off")
    }
  }

  /// Whether the training was stopped by a signal.
  private func train(_ trainer: Trainer, _ introduction: [String], _ ranks: Ranks) throws -> Bool {
    defer { trainer.close() }
    // What cannot be read here is a checkpoint's. The last scores come on standard output, unless it takes JSON.
    try CommandError.loadingModel {
      try trainer.open(
        resume: resume, overwrite: overwrite, introduction: restart + introduction, console: .standardError(),
        echoesLastScores: json)
    }
    let ending = try trainer.run()
    if ranks.isMain { try conclude(trainer, ending) }
    return ending == .stopped
  }

  /// Shows what would be trained.
  private func show(_ trainer: Trainer, _ introduction: [String], _ ranks: Ranks) throws -> Bool {
    guard ranks.isMain else { return false }
    for line in introduction { CommandOutput.message(line) }
    let sharing = try trainer.sharingReport()
    if json {
      try CommandOutput.result(summary(trainer, sharing, ranks))
    } else {
      try CommandOutput.result(sharing.table)
      try CommandOutput.result("")
      try CommandOutput.result(summaryTable(trainer))
    }
    return false
  }

  /// What a launcher that starts a run again says of it.
  private var restart: [String] {
    let text = ProcessInfo.processInfo.environment["POLYAD_RESTART"] ?? ""
    return text.isEmpty ? [] : ["restart \(text)"]
  }

  /// What every run says at its start: ranks, data and the table of trained modules. Collective.
  private func introduction(_ trainer: Trainer, _ ranks: Ranks) throws -> [String] {
    let hosts = try HostsLine.text(ranks)
    return [
      "\(ranks.count) rank(s) of \(Threads.count) thread(s), \(ranks.node.size) of them on \(ranks.job.host)",
      "products: \(MatrixLibrary.description(trainer.recipe.precision))",
      trainer.assembly.copies.line(trainer.recipe.weightsCopy, host: ranks.job.host),
    ]
      + (hosts.map { [$0] } ?? []) + ProductLines.notes + (ranks.notes + trainer.notes).map { "note: \($0)" }
      + trainer.parameterTable.lines
  }

  private func summary(_ trainer: Trainer, _ sharing: SharingReport, _ ranks: Ranks) -> JSONValue {
    [
      "ranks": .int(ranks.count), "steps": .int(trainer.totalSteps), "steps_per_epoch": .int(trainer.stepsPerEpoch),
      "trainable_parameters": .int(trainer.assembly.model.parameters.trainedCount),
      "model_parameters": .int(trainer.assembly.model.backboneParameterCount),
      "shared_mib": .int(trainer.assembly.loaded.weights.byteCount >> 20),
      "weight_copies": .int(trainer.assembly.copies.count),
      "weight_copies_reason": trainer.assembly.copies.reason.map { .string($0) } ?? .null, "sharing": sharing.json,
      "tasks": .array(
        zip(trainer.tasks.training, trainer.recipe.tasks).map {
          [
            "name": .string($0.name), "examples": .int($0.count), "tokens": .int($0.report.tokens),
            "label_tokens": .int($0.report.labelTokens),
            "prediction": .string($0.kind == .classification ? "classification" : $1.prediction.rawValue),
          ]
        }),
    ]
  }

  private func summaryTable(_ trainer: Trainer) -> Table {
    var table = Table(columns: [
      .init("task"), .init("examples", .right), .init("tokens", .right), .init("label tokens", .right),
      .init("cut", .right), .init("dropped", .right),
    ])
    for report in trainer.tasks.training.map(\.report) {
      table.append([
        report.task, Formatting.count(report.examples), Formatting.count(report.tokens),
        Formatting.count(report.labelTokens), Formatting.count(report.cutSources + report.cutTargets),
        Formatting.count(report.dropped),
      ])
    }
    let epochs = Double(trainer.totalSteps) / Double(trainer.stepsPerEpoch)
    table.append([
      "\(trainer.totalSteps) steps, \(Formatting.number(epochs)) epochs", "", "", "", "", "",
    ])
    return table
  }

  private func conclude(_ trainer: Trainer, _ ending: Trainer.Ending) throws {
    let folder = trainer.recipe.outputDir
    if json {
      try CommandOutput.result([
        "output_dir": .string(folder), "steps": .int(trainer.finishedSteps),
        "completed": .bool(ending == .completed), "skipped_steps": .int(trainer.skippedSteps),
        "evaluation": trainer.lastEvaluation?.json ?? .null,
      ])
    } else if ending == .completed {
      if let record = trainer.lastEvaluation { try CommandOutput.result(record.table) }
      let isModel = trainer.assembly.model.configuration?.peftType == .full
      try CommandOutput.result("The trained \(isModel ? "model" : "adapter") lies in \(folder)")
    }
  }
}
