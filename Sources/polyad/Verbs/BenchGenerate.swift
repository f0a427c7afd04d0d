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

  @OptionGroup var subject: BenchmarkOptions
  @Option(help: "Instances of each task.")
  var instances = 32
  @Option(help: "New tokens of each answer.")
  var newTokens = 32
  @Option(help: "Tokens of prompt and answer at most.")
  var maxLength = 1024
  @Option(help: "Prompts that one rank decodes side by side at most. Default: as many as memory makes room for.")
  var batchSize: Int?

  func validate() throws {
    try subject.requireData()
    guard instances > 0, newTokens > 0, batchSize ?? 1 > 0 else {
      throw ValidationError("--instances, --new-tokens and --batch-size must be above 0")
    }
    guard maxLength > newTokens else {
      throw ValidationError("--max-length is \(maxLength), but must be above --new-tokens, which is \(newTokens)")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let loaded = try subject.load(on: ranks, maximumLength: maxLength), backbone = loaded.backbone
    guard backbone is any GenerativeBackbone else { throw CommandError.doesNotGenerate(family: backbone.family) }
    var options = GenerationBenchmark.Options()
    (options.maximumLength, options.newTokens, options.examplesPerTask) = (maxLength, newTokens, instances)
    (options.positiveExamples, options.sharePrefixes) = (subject.positiveExamples, subject.sharePrefixes)
    options.width = batchSize
    let benchmark = try GenerationBenchmark(
      AdapterModel(bare: backbone), tokenizer: subject.loadTokenizer(), taskFiles: subject.taskFiles(),
      options: options, ranks: ranks)
    let result = try benchmark.run()
    let memory = Int(try ranks.world.allReduce(Int64(MemoryUse.peakPrivateMiB), .max))
    try loaded.weights.free()
    guard let result else { return false }
    let report = Report(
      result: result, rankCount: ranks.count, sharesPrefixes: benchmark.sharesPrefixes, privateMiB: memory)
    if subject.json { try CommandOutput.result(json(report)) } else { try CommandOutput.result(table(report)) }
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
      "preset": .string(subject.name), "ranks": .int(report.rankCount), "threads": .int(Threads.count),
      "precision": .string(subject.precision.rawValue), "positive_examples": .int(subject.positiveExamples),
      "share_prefixes": .bool(report.sharesPrefixes), "new_tokens": .int(newTokens),
      "examples": .int(result.exampleCount), "seconds": .double(result.seconds),
      "examples_per_second": .double(result.examplesPerSecond),
      "new_tokens_per_second": .double(result.newTokensPerSecond), "prompt_tokens": .int(result.promptTokenCount),
      "prompt_tokens_computed": .int(result.computedPromptTokenCount), "peak_private_mib": .int(report.privateMiB),
      "kernels": .string(MatrixLibrary.description(subject.precision)),
    ]
  }

  private func table(_ report: Report) -> Table {
    let result = report.result
    var table = Table(columns: [.init(subject.name), .init("", .right)])
    table.append([
      "ranks × threads, precision", "\(report.rankCount) × \(Threads.count), \(subject.precision.rawValue)",
    ])
    table.append(["products", MatrixLibrary.description(subject.precision)])
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
