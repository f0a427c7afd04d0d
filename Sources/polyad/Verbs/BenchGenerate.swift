import Adapters
import ArgumentParser
import Backbones
import Foundation
import JSON
import MessagePassing
import Tensors
import Tokenizers
import Training

/// `polyad bench generate`.
struct BenchGenerate: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate", abstract: "Measures greedy decoding of test prompts with a published model shape.",
    discussion: """
      Random weights: speed does not depend on them. Every answer gets --new-tokens tokens, whatever they are. The \
      ranks share the prompts.
      """)

  @Option(help: "The model's shape: \(Self.presets); one that generates.")
  var preset = "gpt2"
  @Option(help: "A model folder instead of a preset, with its own weights.")
  var model: String?
  @Option(help: "A folder of Super-NaturalInstructions files.", completion: .directory)
  var data: String
  @Option(help: "The tokenizer's folder.", completion: .directory)
  var tokenizer: String
  @Option(help: "How the model's frozen weights are held: fp32 or bf16.")
  var precision = Precision.fp32
  @Option(help: "Instances of each task.")
  var instances = 32
  @Option(help: "Examples of the task in each prompt, before its input.")
  var positiveExamples = 0
  @Option(help: "New tokens of each answer.")
  var newTokens = 32
  @Option(help: "Tokens of prompt and answer at most.")
  var maxLength = 1024
  @Option(help: "Prompts that one rank decodes side by side at most. Default: as many as memory makes room for.")
  var batchSize: Int?
  @Option(help: "Compute once what prompts begin with, as a recipe's share_prefixes: auto, true or false.")
  var sharePrefixes = SharePrefixes.auto
  @Flag(help: "Print one JSON object.")
  var json = false

  private static let presets = PublishedShape.allCases.map(\.rawValue).joined(separator: ", ")

  func validate() throws {
    guard PublishedShape(rawValue: preset) != nil else {
      throw ValidationError("unknown preset \"\(preset)\"; known: \(Self.presets)")
    }
    guard instances > 0, newTokens > 0, positiveExamples >= 0, batchSize ?? 1 > 0 else {
      throw ValidationError(
        "--instances, --new-tokens and --batch-size must be above 0, --positive-examples at least 0")
    }
    guard maxLength > newTokens else {
      throw ValidationError("--max-length is \(maxLength), but must be above --new-tokens, which is \(newTokens)")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let loaded =
      try model.map { try BackboneLoader.load(ModelAssembly.folder($0), node: ranks.node, precision: precision) }
      ?? BackboneLoader.random(
        PublishedShape(rawValue: preset)!.configuration, seed: 0, node: ranks.node, precision: precision)
    let backbone = loaded.backbone, positions = backbone.maximumLength
    guard backbone is any GenerativeBackbone else { throw CommandError.doesNotGenerate(family: backbone.family) }
    guard maxLength <= positions else {
      throw UsageError(
        "--max-length is \(maxLength), but the model has \(positions) positions: lower it to \(positions) or less")
    }
    var recipe = Recipe()
    recipe.sharePrefixes = sharePrefixes
    try recipe.requireSharing(by: backbone.architecture)
    var options = GenerationBenchmark.Options()
    (options.maximumLength, options.newTokens, options.examplesPerTask) = (maxLength, newTokens, instances)
    (options.positiveExamples, options.width) = (positiveExamples, batchSize)
    options.sharesPrefixes = recipe.sharesPrefixes(adapter: nil, architecture: backbone.architecture)
    let benchmark = try GenerationBenchmark(
      AdapterModel(bare: backbone), tokenizer: Tokenizer(folder: ModelAssembly.tokenizerFolder(tokenizer)),
      taskFiles: BenchStep.taskFiles(in: data), options: options, ranks: ranks)
    let result = try benchmark.run()
    let memory = Int(try ranks.world.allReduce(Int64(MemoryUse.peakPrivateMiB), .max))
    try loaded.weights.free()
    guard let result else { return false }
    let report = Report(
      result: result, rankCount: ranks.count, sharesPrefixes: options.sharesPrefixes, privateMiB: memory)
    if json { try CommandOutput.result(json(report)) } else { try CommandOutput.result(table(report)) }
    return false
  }

  private struct Report {
    let result: GenerationBenchmark.Result
    let rankCount: Int
    let sharesPrefixes: Bool
    /// The largest rank's own memory.
    let privateMiB: Int
  }

  private func json(_ report: Report) -> JSONValue {
    let result = report.result
    return [
      "preset": .string(model ?? preset), "ranks": .int(report.rankCount), "threads": .int(Threads.count),
      "precision": .string(precision.rawValue), "positive_examples": .int(positiveExamples),
      "share_prefixes": .bool(report.sharesPrefixes), "new_tokens": .int(newTokens),
      "examples": .int(result.exampleCount), "seconds": .double(result.seconds),
      "examples_per_second": .double(result.examplesPerSecond),
      "new_tokens_per_second": .double(result.newTokensPerSecond), "prompt_tokens": .int(result.promptTokenCount),
      "prompt_tokens_computed": .int(result.computedPromptTokenCount), "peak_private_mib": .int(report.privateMiB),
      "kernels": .string(MatrixLibrary.description(precision)),
    ]
  }

  private func table(_ report: Report) -> Table {
    let result = report.result
    var table = Table(columns: [.init(model ?? preset), .init("", .right)])
    table.append(["ranks × threads, precision", "\(report.rankCount) × \(Threads.count), \(precision.rawValue)"])
    table.append(["products", MatrixLibrary.description(precision)])
    table.append(["prompts", Formatting.count(result.exampleCount)])
    table.append(["tokens of prompts", Formatting.count(result.promptTokenCount)])
    table.append(["of them computed", Formatting.count(result.computedPromptTokenCount)])
    table.append(["new tokens", Formatting.count(result.newTokenCount)])
    table.append(["seconds", Formatting.number(result.seconds)])
    table.append(["examples/s", Formatting.number(result.examplesPerSecond)])
    table.append(["new tokens/s", Formatting.number(result.newTokensPerSecond)])
    table.append(["peak MiB a rank, its own", Formatting.count(report.privateMiB)])
    return table
  }
}
