import ArgumentParser
import Foundation
import Tensors
import Training

/// `polyad inspect`.
struct Inspect: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Tells what a model, adapter, checkpoint or run folder holds.",
    discussion: """
      A checkpoint's files are compared with its manifest; one that differs ends with exit code 4. Of an adapter it \
      shows the parameters beside their formula and, where tasks route it, the weights of each task. Where tokens route \
      it, --data runs the lines of a file through the model and shows each router's expert shares, the mean entropy of \
      its gates and its dead experts: no token's first choice, and with less than 1 % of an even share.
      """)

  @Argument(help: "The folder.", completion: .directory)
  var folder: String
  @Option(
    help: "JSON lines to measure token routers on: input_ids, or source and target.",
    completion: .file(extensions: ["jsonl"]))
  var data: String?
  @Option(help: "The model for --data. Default: the one that the adapter names.")
  var model: String?
  @Option(help: "The tokenizer's folder for --data, if not the model's.", completion: .directory)
  var tokenizer: String?
  @Option(help: "How the model's frozen weights are held for --data: fp32 or bf16. Default: fp32.")
  var precision: Precision?
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    let ofData = [("--model", model != nil), ("--tokenizer", tokenizer != nil), ("--precision", precision != nil)]
    for (option, isGiven) in ofData where isGiven && data == nil {
      throw ValidationError("\(option) is for --data alone")
    }
  }

  mutating func run() throws {
    if let data {
      try RankedWork.run { try measure(on: data, ranks: $0) }
    } else if CommandOutput.isFirst {
      try show(inspect())
    }
  }

  private func inspect() throws -> FolderInspection {
    try CommandError.loadingModel { try FolderInspection(URL(filePath: folder)) }
  }

  /// Rank 0 measures and speaks; the others share the memory of the model's weights, no more.
  private func measure(on data: String, ranks: Ranks) throws {
    var inspection = try inspect()
    if let fault = inspection.fault { throw fault }
    try inspection.requireTokenRouting()
    let assembly = try CommandError.loadingModel {
      try ModelAssembly(
        model: model ?? inspection.namedModel(), adapter: inspection.folder.path, tokenizer: tokenizer,
        precision: precision ?? .fp32, ranks: ranks)
    }
    if ranks.isMain {
      let inputs = try InputOptions.parse(["--input", data]).read(for: assembly, promptsOnly: false)
      inspection.addTokenRouting(RoutingMeasurement.run(assembly.model, inputs.examples, routes: inputs.routes))
      try show(inspection)
    }
    try assembly.free()
  }

  private func show(_ inspection: FolderInspection) throws {
    if json {
      try CommandOutput.result(inspection.json)
    } else {
      for table in inspection.tables { try CommandOutput.result(table.lines.joined(separator: "\n") + "\n") }
      for note in inspection.notes { try CommandOutput.result(note) }
    }
    if let fault = inspection.fault { throw fault }
  }
}
