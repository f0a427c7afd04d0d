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
    commandName: "step", abstract: "Measures training steps of a published model shape on real task lengths.",
    discussion: """
      Random weights: speed does not depend on them. Where examples share what they begin with, batches are the \
      trainer's own, drawn from the mixture; with --share-prefixes false, and where auto shares nothing (POLY and \
      C_POLY, encoders), they are sequences of like length, as other systems' scripts cut them.
      """)

  @OptionGroup var subject: BenchmarkOptions
  @Option(help: "What is trained: a recipe's peft_type, with 4 experts or skills where it has such.")
  var method = "LORA"
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: "A key of a recipe's adapter section, such as n_splits=4 or use_dora=true.")
  var settings: [String] = []
  @Option(name: .customLong("r"), help: "The rank of the update that a token meets, all its experts together.")
  var activeRank = 8
  @Option(help: "Tasks that the examples are dealt out to. Default: one a file.")
  var tasks: Int?
  @Flag(help: "Leave what belongs to tasks outside the batch untouched, as sparse_updates does.")
  var sparseUpdates = false
  @Flag(help: "Compute activations again in place of keeping them, as activation_checkpointing does.")
  var activationCheckpointing = false
  @Option(help: "Sequences a rank and step.")
  var batch = 4
  @Option(help: "Parts that a rank's sequences are cut in.")
  var microBatches = 1
  @Option(help: "Tokens a sequence at most.")
  var maxLength = 512
  @Option(
    help: "Of a task's examples so many are drawn together, as a recipe's mixing.group; where something is shared.")
  var group = 1
  @Option(help: "Measured steps, after one that warms up.")
  var steps = 8

  func validate() throws {
    let counts = [batch, microBatches, steps, activeRank, tasks ?? 1, maxLength - 1]
    guard counts.allSatisfy({ $0 > 0 }) else {
      throw ValidationError(
        "--batch, --micro-batches, --steps, --tasks and --r must be above 0, --max-length at least 2")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let begin = ContinuousClock.now
    try requirePrecision()
    let loaded = try subject.load(on: ranks, maximumLength: maxLength)
    guard (1...batch * ranks.count).contains(group) else {
      throw UsageError(
        "--group is \(group), but a batch has \(batch * ranks.count) sequences: give a number from 1 to that")
    }
    let files = try subject.taskFiles()
    let configuration = try Recipe.benchmarkAdapter(
      peftType: method, overrides: settings, activeRank: activeRank, taskCount: tasks ?? files.count)
    let adapted = try AdapterModel(
      configuration.withHead(for: loaded.backbone), backbone: loaded.backbone, seed: 0)
    let loadSeconds = (ContinuousClock.now - begin) / .seconds(1)
    var options = StepBenchmark.Options()
    (options.sequencesPerRank, options.partsPerRank) = (batch, min(microBatches, batch))
    (options.maximumLength, options.steps) = (maxLength, steps)
    (options.taskCount, options.updatesSparsely) = (tasks, sparseUpdates)
    options.isCheckpointed = activationCheckpointing
    (options.positiveExamples, options.sharePrefixes) = (subject.positiveExamples, subject.sharePrefixes)
    options.group = group
    let benchmark = try StepBenchmark(
      adapted, tokenizer: subject.loadTokenizer(), taskFiles: files, options: options, ranks: ranks)
    if group > 1, let obstacle = benchmark.sharingObstacle {
      throw UsageError(
        "--group is \(group), but nothing is shared, so batches are of like length: \(obstacle.description). Leave one "
          + "of them out")
    }
    let peakBefore = try peak(ranks)
    let result = try benchmark.run()
    try benchmark.free()
    let peakAfter = try peak(ranks)
    let memory = try [MemoryUse.peakResidentMiB, MemoryUse.peakPrivateMiB].map {
      Int(try ranks.world.allReduce(Int64($0), .max))
    }
    let report = Report(
      result: result, sharingObstacle: benchmark.sharingObstacle, configuration: adapted.configuration,
      parameterCount: adapted.parameters.count, rankCount: ranks.count, peak: max(peakBefore, peakAfter),
      residentMiB: memory[0], privateMiB: memory[1],
      sharedMiB: loaded.weights.byteCount >> 20, loadSeconds: loadSeconds)
    try loaded.weights.free()
    guard ranks.isMain else { return false }
    if subject.json { try CommandOutput.result(json(report)) } else { try CommandOutput.result(table(report)) }
    return false
  }

  private func requirePrecision() throws {
    guard subject.precision == .fp32 || PEFTType(rawValue: method) != .full else {
      throw UsageError("--precision bf16: --method FULL trains every array, in fp32; leave one of them out")
    }
  }

  /// The best rate of a product, all ranks at once: the slowest rank's.
  private func peak(_ ranks: Ranks) throws -> Double {
    try ranks.world.barrier()
    return try ranks.world.allReduce(MatrixBenchmark.peak(subject.precision), .min)
  }
}

extension AdapterConfiguration {
  /// With a head for two classes where the model would be classified by one and has none.
  fileprivate func withHead(for backbone: any Backbone) -> AdapterConfiguration {
    var result = self
    if let backbone = backbone as? any ClassifyingBackbone, backbone.classifier == nil, peftType != .full {
      result.taskHeads = [TaskHead(task: "benchmark", labelCount: 2)]
    }
    return result
  }
}
