import Adapters
import ArgumentParser
import Backbones
import Foundation
import JSON
import MessagePassing
import Tensors
import Tokenizers
import Training

/// `polyad bench step`.
struct BenchStep: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "Measures training steps: a recipe's, or of a published model shape on real task lengths.",
    discussion: """
      With RECIPE the first steps of its training are measured, as it would make them; nothing is written. A preset \
      has random weights: speed does not depend on them. Where examples share what they begin with, batches are the \
      trainer's own, drawn from the mixture; with --share-prefixes false, and where auto shares nothing (POLY and \
      C_POLY, encoders), they are sequences of like length, as other systems' scripts cut them.
      """)

  @OptionGroup var options: StepOptions
  @Flag(help: "Leave out the measured peak of the products, which takes some seconds.")
  var skipPeak = false

  private var subject: BenchmarkOptions { options.subject }

  func run(on ranks: Ranks) throws -> Bool {
    let begin = ContinuousClock.now
    let measured = try options.loadRecipe().map { try prepare($0, ranks) } ?? prepareShape(ranks)
    let loadSeconds = (ContinuousClock.now - begin) / .seconds(1)
    let peakBefore = try peak(ranks, measured.precision)
    let result = try measured.benchmark.run()
    try measured.benchmark.free()
    let peakAfter = try peak(ranks, measured.precision)
    let memory = try [MemoryUse.peakResidentMiB, MemoryUse.peakPrivateMiB].map {
      Int(try ranks.world.allReduce(Int64($0), .max))
    }
    let report = Report(
      result: result, measured: measured, rankCount: ranks.count,
      peak: peakBefore.flatMap { before in peakAfter.map { max(before, $0) } }, residentMiB: memory[0],
      privateMiB: memory[1], sharedMiB: measured.loaded.weights.byteCount >> 20, loadSeconds: loadSeconds)
    try measured.loaded.weights.free()
    guard ranks.isMain else { return false }
    let products = report.peak.map { ProfileNotes.product($0, measured.precision, ranks) }
    ProfileNotes.record(steps: [result.rates].compactMap(\.self), products: [products].compactMap(\.self))
    if subject.json { try CommandOutput.result(json(report)) } else { try CommandOutput.result(table(report)) }
    return false
  }

  /// Steps that are ready to be measured.
  struct Measured {
    let benchmark: StepBenchmark
    let loaded: LoadedBackbone
    let model: AdapterModel
    let method: String
    let precision: Precision
    let isCheckpointed: Bool
    let positiveExamples: Int
    let group: Int
  }

  private func prepare(_ recipe: Recipe, _ ranks: Ranks) throws -> Measured {
    try Agreement.require(recipe.facts, ranks)
    let assembly = try CommandError.loadingModel { try ModelAssembly(recipe, ranks: ranks) }
    return Measured(
      benchmark: try StepBenchmark(recipe, assembly: assembly, steps: options.steps, ranks: ranks),
      loaded: assembly.loaded, model: assembly.model, method: assembly.model.configuration?.peftType.rawValue ?? "none",
      precision: recipe.precision, isCheckpointed: recipe.activationCheckpointing,
      positiveExamples: recipe.tasks.map(\.prompt.positiveExamples).max() ?? 0, group: recipe.mixing.group)
  }

  private func prepareShape(_ ranks: Ranks) throws -> Measured {
    try requirePrecision()
    let loaded = try subject.load(on: ranks, maximumLength: options.maxLength), group = options.group
    guard (1...options.batch * ranks.count).contains(group) else {
      throw UsageError(
        "--group is \(group), but a batch has \(options.batch * ranks.count) sequences: give a number from 1 to that")
    }
    let files = try subject.taskFiles()
    let configuration = try Recipe.benchmarkAdapter(
      peftType: options.method, overrides: options.settings, activeRank: options.activeRank,
      taskCount: options.tasks ?? files.count)
    let model = try AdapterModel(configuration.withHead(for: loaded.backbone), backbone: loaded.backbone, seed: 0)
    let benchmark = try StepBenchmark(
      model, tokenizer: subject.loadTokenizer(), taskFiles: files, options: options.benchmark, ranks: ranks)
    if group > 1, let obstacle = benchmark.sharingObstacle {
      throw UsageError(
        "--group is \(group), but nothing is shared, so batches are of like length: \(obstacle.description). Leave one "
          + "of them out")
    }
    return Measured(
      benchmark: benchmark, loaded: loaded, model: model, method: options.method, precision: subject.precision,
      isCheckpointed: options.activationCheckpointing, positiveExamples: subject.positiveExamples, group: group)
  }

  private func requirePrecision() throws {
    guard subject.precision == .fp32 || PEFTType(rawValue: options.method) != .full else {
      throw UsageError("--precision bf16: --method FULL trains every array, in fp32; leave one of them out")
    }
  }

  /// The best rate of a product, all ranks at once: the slowest rank's.
  private func peak(_ ranks: Ranks, _ precision: Precision) throws -> Double? {
    guard !skipPeak else { return nil }
    try ranks.world.barrier()
    return try ranks.world.allReduce(MatrixBenchmark.peak(precision), .min)
  }
}

extension StepOptions {
  /// What of them a shape's measurement depends on.
  fileprivate var benchmark: StepBenchmark.Options {
    var result = StepBenchmark.Options()
    (result.sequencesPerRank, result.partsPerRank) = (batch, min(microBatches, batch))
    (result.maximumLength, result.steps, result.group) = (maxLength, steps, group)
    (result.taskCount, result.updatesSparsely, result.isCheckpointed) = (tasks, sparseUpdates, activationCheckpointing)
    (result.positiveExamples, result.sharePrefixes) = (subject.positiveExamples, subject.sharePrefixes)
    return result
  }
}
