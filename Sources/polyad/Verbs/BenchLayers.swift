import Adapters
import ArgumentParser
import Backbones
import Foundation
import JSON
import Tensors
import Training

/// `polyad bench layers`.
struct BenchLayers: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "layers",
    abstract: "Measures steps of some of a model's layers: in seconds what the model would take minutes for.",
    discussion: """
      Sequences of one length, one part or several a rank, random weights; no text is read. What rank 0 does in a \
      second is kept in the machine's profile (POLYAD_PROFILE).
      """)

  @OptionGroup var shape: ShapeOptions
  @Option(help: "Layers of a stack at most.")
  var layers = 2
  @Option(help: "Sequences of a part.")
  var sequences = 4
  @Option(help: "Parts of a rank.")
  var parts = 1
  @Option(help: "Tokens of a sequence.")
  var length = 512
  @Option(help: "Tokens of its answer.")
  var labels = 32
  @Option(help: "Measured steps, after one that warms up.")
  var steps = 3
  @Flag(help: "Compute activations again in place of keeping them, as activation_checkpointing does.")
  var activationCheckpointing = false
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard [layers, sequences, parts, length - 1, labels, steps].allSatisfy({ $0 > 0 }) else {
      throw ValidationError(
        "--layers, --sequences, --parts, --labels and --steps must be above 0, --length at least 2")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    let recipe = try shape.loadRecipe()
    let configuration = try self.configuration(recipe).limited(toLayers: layers)
    guard length <= configuration.positionCount else {
      throw UsageError("--length is \(length), but the model has \(configuration.positionCount) positions")
    }
    let precision = recipe?.precision ?? shape.precision
    let loaded = try BackboneLoader.random(configuration, seed: 0, node: ranks.node, precision: precision)
    let taskCount = min(recipe?.tasks.count ?? shape.tasks, sequences * parts)
    let model = try adapted(recipe, loaded.backbone)
    var options = StepBenchmark.Options()
    (options.partsPerRank, options.steps) = (parts, steps)
    options.isCheckpointed = recipe?.activationCheckpointing ?? activationCheckpointing
    options.updatesSparsely = recipe?.sparseUpdates ?? false
    let benchmark = try StepBenchmark(
      model, sequences: sequences, tokens: length, labels: labels, taskCount: taskCount, options: options,
      ranks: ranks)
    let result = try benchmark.run()
    try loaded.weights.free()
    guard ranks.isMain else { return false }
    ProfileNotes.record(steps: [result.rates].compactMap(\.self))
    try report(result, ranks)
    return false
  }

  private func configuration(_ recipe: Recipe?) throws -> any BackboneConfiguration {
    guard let recipe else { return try PlannedShape.configuration(shape.preset) }
    return try CommandError.loadingModel {
      try BackboneLoader.configuration(of: ModelAssembly.folder(recipe.modelNameOrPath))
    }
  }

  /// The adapter on the layers that are there; a plain LoRA where its patterns name others.
  private func adapted(_ recipe: Recipe?, _ backbone: any Backbone) throws -> AdapterModel {
    var adapter = try recipe?.adapterConfiguration() ?? shape.adapter()
    if adapter.routing == .task, adapter.taskCount == 0 { adapter.taskCount = recipe?.tasks.count ?? shape.tasks }
    do {
      return try AdapterModel(adapter.withHead(for: backbone), backbone: backbone, seed: 0)
    } catch is AdapterError where recipe != nil {
      let plain = AdapterConfiguration(peftType: .lora)
      return try AdapterModel(plain.withHead(for: backbone), backbone: backbone, seed: 0)
    }
  }

  private func report(_ result: StepBenchmark.Result, _ ranks: Ranks) throws {
    if json {
      let rates = try result.rates.map { try JSONDecoder().decode(JSONValue.self, from: $0.encoded) }
      return try CommandOutput.result([
        "subject": .string(shape.name), "layers": .int(layers), "ranks": .int(ranks.count),
        "threads": .int(Threads.count), "seconds_per_step": .double(result.secondsPerStep),
        "tokens_per_second": .double(result.tokensPerSecond),
        "communication_share": .double(result.shares.communication), "imbalance": .double(result.shares.imbalance),
        "phase_seconds": .object(result.phases), "rates": rates ?? .null,
      ])
    }
    var table = Table(columns: [.init("\(shape.name), \(layers) layer(s)"), .init("", .right)])
    table.append(["ranks × threads", "\(ranks.count) × \(Threads.count)"])
    table.append(["tokens/s, all ranks", Formatting.number(result.tokensPerSecond)])
    table.append(["seconds a step", Formatting.number(result.secondsPerStep)])
    for (name, value) in result.rates?.shown ?? [] { table.append([name, Formatting.number(value)]) }
    try CommandOutput.result(table)
  }
}
