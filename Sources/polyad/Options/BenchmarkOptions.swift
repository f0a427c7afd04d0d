import ArgumentParser
import Backbones
import Foundation
import Tensors
import Tokenizers
import Training

/// What the benches of a model are measured on: its shape or folder, and real tasks.
struct BenchmarkOptions: ParsableArguments {
  @Option(
    name: .customLong("preset"),
    help: "The model's shape: \(Self.presets) (from 23 M to 2.5 G parameters). Default: gpt2.")
  var presetChoice: String?
  @Option(help: "A model folder instead of a preset, with its own weights.")
  var model: String?
  @Option(
    name: .customLong("data"), help: "A folder of Super-NaturalInstructions files.", completion: .directory)
  var dataFolder: String?
  @Option(
    name: .customLong("tokenizer"),
    help: "The tokenizer's folder; ids beyond the model's vocabulary are folded into it.", completion: .directory)
  var tokenizerFolder: String?
  @Option(
    name: .customLong("precision"), help: "How the model's frozen weights are held: fp32 (default) or bf16.")
  var precisionChoice: Precision?
  @Option(
    name: .customLong("positive-examples"),
    help: "Examples of the task in each prompt, before its input. Default: 0.")
  var positiveExamplesChoice: Int?
  @Option(
    name: .customLong("share-prefixes"),
    help: """
      Compute once what examples or prompts begin with, as a recipe's share_prefixes: auto (default), true or false.
      """)
  var sharePrefixesChoice: SharePrefixes?
  @Flag(help: "Print one JSON object.")
  var json = false

  private static let presets = PublishedShape.allCases.map(\.rawValue).joined(separator: ", ")

  var preset: String { presetChoice ?? "gpt2" }
  var precision: Precision { precisionChoice ?? .fp32 }
  var positiveExamples: Int { positiveExamplesChoice ?? 0 }
  var sharePrefixes: SharePrefixes { sharePrefixesChoice ?? .auto }

  func validate() throws {
    guard PublishedShape(rawValue: preset) != nil else {
      throw ValidationError("unknown preset \"\(preset)\"; known: \(Self.presets)")
    }
    guard positiveExamples >= 0 else { throw ValidationError("--positive-examples must be at least 0") }
  }

  /// Throws unless there are texts to measure on.
  func requireData() throws {
    for (option, value) in [("data", dataFolder), ("tokenizer", tokenizerFolder)] where value == nil {
      throw ValidationError("Missing expected argument '--\(option) <\(option)>'")
    }
  }

  /// The options that were given, as words of a command line.
  var words: [String] {
    let values: [(String, String?)] = [
      ("preset", presetChoice), ("model", model), ("data", dataFolder), ("tokenizer", tokenizerFolder),
      ("precision", precisionChoice?.rawValue), ("positive-examples", positiveExamplesChoice.map(String.init)),
      ("share-prefixes", sharePrefixesChoice?.rawValue),
    ]
    return values.flatMap { name, value in value.map { ["--\(name)", $0] } ?? [] }
  }

  /// What a report calls the model.
  var name: String { model ?? preset }

  /// The model; a preset's weights are random. Collective over the node.
  ///
  /// - Parameter maximumLength: `--max-length`, which its positions must reach.
  func load(on ranks: Ranks, maximumLength: Int) throws -> LoadedBackbone {
    let loaded =
      try model.map { try BackboneLoader.load(ModelAssembly.folder($0), node: ranks.node, precision: precision) }
      ?? BackboneLoader.random(
        PublishedShape(rawValue: preset)!.configuration, seed: 0, node: ranks.node, precision: precision)
    let positions = loaded.backbone.maximumLength
    guard maximumLength <= positions else {
      throw UsageError(
        "--max-length is \(maximumLength), but the model has \(positions) positions: lower it to \(positions) or less")
    }
    guard sharePrefixes != .always || loaded.backbone.architecture == .decoderOnly else {
      throw UsageError(
        "--share-prefixes is true, but the model's encoder reads prompts in both directions, so that no two have a row in "
          + "common: leave it out")
    }
    return loaded
  }

  func loadTokenizer() throws -> Tokenizer {
    try Tokenizer(folder: ModelAssembly.tokenizerFolder(tokenizerFolder ?? ""))
  }

  /// The .json files of the data's folder, in the order of their names.
  func taskFiles() throws -> [URL] {
    let folder = URL(filePath: dataFolder ?? "")
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let names = all.filter { $0.hasSuffix(".json") }
    guard !names.isEmpty else { throw UsageError("--data \(dataFolder ?? "") is no folder with .json task files") }
    return names.sorted().map { folder.appending(path: $0) }
  }
}

extension SharePrefixes: ExpressibleByArgument {}
