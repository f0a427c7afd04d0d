import Adapters
import ArgumentParser
import Checkpoints
import Foundation
import JSON
import MessagePassing
import Tasks
import Training

/// `polyad merge`.
struct Merge: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Folds an adapter into its model and writes a Hugging Face folder.",
    discussion: """
      LORA (with rsLoRA, DoRA and patterns) and IA3 fold as they are; of POLY (MHR too), TASK_LORA and C_POLY, and of \
      adapters with heads of tasks, the one task that --task names. Token-routed adapters do not fold. Sums are \
      computed in 64 bits and rounded once to each tensor's own type, or to --dtype. A tied output projection stays \
      tied unless the adapter brings its own.

      The merged model is read again and compared with the adapted one on --probe, or on a few sequences of drawn \
      tokens; the largest difference of their logits is printed. A difference above a thousandth of the largest \
      logit, above a tenth where weights have 16 bits, is an error, and nothing is written. --precision is how both \
      are held for that; what is written does not depend on it.
      """)

  @OptionGroup var modelOptions: ModelOptions
  @Option(help: "The task to fold: its number from 0, or its name.")
  var task: TaskSelector?
  @Option(help: "The type of the weights: F32, F16 or BF16. Default: each tensor's own.")
  var dtype: WeightType?
  @Option(help: "JSON lines to compare on, as for score.", completion: .file(extensions: ["jsonl"]))
  var probe: String?
  @Option(help: "The folder to write; it must not be there yet, or be empty.", completion: .directory)
  var output: String
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if modelOptions.adapter == nil { throw ValidationError("Missing expected argument '--adapter <adapter>'") }
    let given = CommandLine.arguments.count { $0 == "--adapter" || $0.hasPrefix("--adapter=") }
    if given > 1 { throw ValidationError("--adapter is given \(given) times: merge folds one; make one with compose") }
  }

  func run(on ranks: Ranks) throws -> Bool {
    if ranks.isMain { try OutputTarget.requireNewFolder(output, option: "--output") }
    let assembly = try modelOptions.load(on: ranks)
    // One rank does the work: a model is folded faster than it is read.
    let alone = try ranks.node.split(color: ranks.node.rank, key: 0)
    if ranks.isMain { try merge(assembly, ranks, alone) }
    try alone.free()
    try assembly.free()
    return false
  }

  private func merge(_ assembly: ModelAssembly, _ ranks: Ranks, _ alone: Communicator) throws {
    let saved = try CommandError.loadingModel { try SavedAdapter(URL(filePath: modelOptions.adapter ?? "")) }
    let task = try task.map { try number(of: $0, in: saved.configuration) }
    let merge = try ModelMerge(assembly, saved, task: task)
    let comparison = try mergeProbe(assembly, task)
    var summary: ModelMerge.Summary?, result: MergeProbe.Result?
    try AtomicFolder.write(to: URL(filePath: output), replaceExisting: false, writesManifest: false) { folder in
      summary = try merge.write(into: folder, dataType: dtype?.dataType)
      result = try comparison.compare(
        assembly.model, with: ModelFolder(folder), precision: modelOptions.precision, ranks: ranks, alone: alone)
      if let result, let summary, !result.isSound(in: summary.dataTypes) {
        throw ModelMergeError.differs(difference: result.difference, largest: result.largest)
      }
    }
    if let summary { try report(summary, result) }
  }

  private func number(of task: TaskSelector, in configuration: AdapterConfiguration) throws -> Int {
    let names = configuration.lineTasks
    if let place = task.place(among: names) { return place }
    throw names.isEmpty
      ? ModelMergeError.sameForAllTasks(type: configuration.peftType.rawValue)
      : AdapterTaskError.unknownTask(task.text, known: names)
  }

  private func mergeProbe(_ assembly: ModelAssembly, _ task: Int?) throws -> MergeProbe {
    guard let probe else { return MergeProbe(assembly.model, route: task) }
    let route = task.map { ["--task", "\($0)"] } ?? []
    return MergeProbe(
      try InputOptions.parse(["--input", probe] + route).read(for: assembly, promptsOnly: false))
  }

  private func report(_ summary: ModelMerge.Summary, _ result: MergeProbe.Result?) throws {
    guard !json else {
      return try CommandOutput.result([
        "maps": .int(summary.foldedMaps), "whole_modules": .array(summary.wholeModules.map { .string($0) }),
        "untied": .bool(summary.unties), "dtypes": .array(summary.dataTypes.map { .string($0.rawValue) }),
        "probe": result.map(Self.json) ?? .null,
        "output": .string(output),
      ])
    }
    var lines = ["folded \(summary.foldedMaps) maps, \(summary.dataTypes.map(\.rawValue).joined(separator: ", "))"]
    if !summary.wholeModules.isEmpty {
      lines.append("took over whole: \(summary.wholeModules.joined(separator: ", "))")
    }
    if summary.unties {
      lines.append("embedding and output projection are no longer tied: the adapter changed one of them")
    }
    lines.append(
      result.map {
        "largest difference of \(Formatting.count($0.logitCount)) logits from the adapted model: "
          + "\(Formatting.number($0.difference)), with logits up to \(Formatting.number($0.largest))"
      } ?? "the model has no head, so no logits were compared")
    try CommandOutput.result((lines + ["wrote \(output)"]).joined(separator: "\n"))
  }
}

extension Merge {
  private static func json(_ result: MergeProbe.Result) -> JSONValue {
    [
      "max_difference": .double(result.difference), "max_logit": .double(result.largest),
      "logits": .int(result.logitCount),
    ]
  }
}
