import Adapters
import Checkpoints
import Foundation
import JSON
import Training

/// What a folder holds, as `inspect` tells it.
struct FolderInspection {
  enum Kind: String {
    case run, checkpoint, adapter, model
  }

  let kind: Kind
  let folder: URL
  /// What its configuration and state say, in the order in which it is shown.
  private(set) var facts: [JSONValue.Member] = []
  private(set) var groups: [TensorGroup] = []
  /// A run's checkpoints, and whether each matches its manifest.
  private(set) var checkpoints: [(name: String, state: String)] = []
  /// An adapter's parameters and routing; nil for an adapter of a kind that cannot be used here.
  private(set) var adapter: AdapterInspection?
  /// Why a checkpoint or an adapter cannot be used.
  private(set) var fault: (any Error)?

  /// - Throws: `CommandError.noFolder`, `CommandError.nothingToInspect`, or an error of a file.
  init(_ folder: URL) throws {
    guard FileSystem.isFolder(folder) else { throw CommandError.noFolder(path: folder.path) }
    self.folder = folder
    kind = try Self.kind(of: folder)
    if kind == .checkpoint { addCheckpointState() }
    if kind == .run {
      checkpoints = try CheckpointFolder.list(in: folder).map { checkpoint in
        (checkpoint.url.lastPathComponent, Self.state { try checkpoint.verify() })
      }
    }
    // The files of a damaged checkpoint are not worth an error of their own.
    guard fault == nil else { return }
    if ModelOptions.holdsAdapter(folder) {
      try addAdapter()
    } else if ModelOptions.holdsModel(folder) {
      try addModel()
    }
  }

  private static func kind(of folder: URL) throws -> Kind {
    func holds(_ name: String) -> Bool { FileSystem.isFile(folder.appending(path: name)) }
    if try holds("recipe.yaml") || !CheckpointFolder.list(in: folder).isEmpty { return .run }
    if holds("manifest.json") || holds("trainer_state.json") { return .checkpoint }
    if ModelOptions.holdsAdapter(folder) { return .adapter }
    if ModelOptions.holdsModel(folder) { return .model }
    throw CommandError.nothingToInspect(folder: folder.path)
  }

  private static func state(_ verify: () throws -> Void) -> String {
    do {
      try verify()
      return "matches its manifest"
    } catch {
      return "\(error)"
    }
  }

  private mutating func addCheckpointState() {
    do { try CheckpointFolder.verify(folder) } catch { fault = error }
    facts.append(.init("manifest", .string(fault.map { "\($0)" } ?? "every file matches")))
    let file = folder.appending(path: "trainer_state.json")
    guard let data = try? FileSystem.read(file), let state = try? JSONDecoder().decode(TrainerState.self, from: data)
    else { return }
    facts += [
      .init("step", .int(state.step)), .init("skipped_steps", .int(state.skippedSteps)),
      .init("tokens", .int(state.tokenCount)),
    ]
  }

  // MARK: Adapters and models

  private mutating func addAdapter() throws {
    let keys =
      ["peft_type", "task_type", "base_model_name_or_path", "target_modules", "modules_to_save"]
      + AdapterKey.all.map(\.name) + ["task_names"]
    let file = folder.appending(path: AdapterFolder.configurationName)
    guard let values = try? JSONDecoder().decode([String: JSONValue].self, from: FileSystem.read(file)) else {
      throw AdapterError.invalidOption("the file", reason: "is not a JSON object", source: file.path)
    }
    addFacts(keys, of: values)
    if let rank = values["r"]?.number, let alpha = values["lora_alpha"]?.number, rank > 0 {
      let divisor = values["use_rslora"] == .bool(true) ? rank.squareRoot() : rank
      facts.append(.init("scale", .double(alpha / divisor)))
    }
    addTensors(of: try SafetensorsFile(folder.appending(path: AdapterFolder.weightsName)))
    do {
      let inspection = try AdapterInspection(folder)
      adapter = inspection
      facts += inspection.facts
    } catch let error as AdapterError where error.isOfUnknownKind {
      facts.append(.init("unsupported", .string("\(error)")))
    } catch {
      fault = error
    }
  }

  /// Checks that there are token routers to measure.
  ///
  /// - Throws: `CommandError.nothingToMeasure`.
  func requireTokenRouting() throws {
    guard let adapter else {
      throw CommandError.nothingToMeasure(folder: folder.path, reason: "holds no adapter that can be used")
    }
    guard adapter.adapter.configuration.routing == .token else {
      let type = adapter.adapter.configuration.peftType.rawValue
      throw CommandError.nothingToMeasure(folder: folder.path, reason: "holds an adapter of peft_type \(type)")
    }
  }

  /// The model that the adapter names.
  ///
  /// - Throws: `CommandError.noModelName`.
  func namedModel() throws -> String {
    guard let name = adapter?.adapter.configuration.baseModel, !name.isEmpty else {
      throw CommandError.noModelName(folder: folder.path)
    }
    return name
  }

  mutating func addTokenRouting(_ measured: [(path: String, statistics: RoutingStatistics)]) {
    adapter?.tokenRouting = TokenRoutingInspection(measured)
  }

  private mutating func addModel() throws {
    let keys = [
      "model_type", "vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "max_position_embeddings",
      "hidden_size", "num_hidden_layers", "num_attention_heads", "d_model", "num_layers", "tie_word_embeddings",
    ]
    addFacts(keys, of: try ModelFolder(folder).decodeConfiguration(as: [String: JSONValue].self))
    addTensors(of: try WeightFiles(in: folder))
  }

  private mutating func addTensors(of source: any TensorSource) {
    groups = TensorGroup.groups(of: source)
    facts += [
      .init("parameters", .int(groups.reduce(0) { $0 + $1.parameterCount })),
      .init("tensors", .int(groups.reduce(0) { $0 + $1.tensorCount })),
    ]
  }

  private mutating func addFacts(_ keys: [String], of values: [String: JSONValue]) {
    facts += keys.compactMap { key in
      values[key].flatMap { $0.isEmpty ? nil : JSONValue.Member(key, $0) }
    }
  }
}

// MARK: - Output

extension FolderInspection {
  var json: JSONValue {
    var members: [JSONValue.Member] = [.init("path", .string(folder.path)), .init("kind", .string(kind.rawValue))]
    members += facts.filter { $0.name != "tensors" }
    members.append(.init("tensors", .array(groups.map(\.json))))
    members += adapter?.json ?? []
    if kind == .run {
      members.append(
        .init("checkpoints", .array(checkpoints.map { ["name": .string($0.name), "manifest": .string($0.state)] })))
    }
    return .object(members)
  }

  var tables: [Table] {
    var tables = [
      Table(
        columns: [.init(kind.rawValue), .init(folder.path)],
        rows: facts.map { [$0.name, Self.text($0.value)] })
    ]
    if !groups.isEmpty { tables.append(TensorGroup.table(groups)) }
    tables += adapter?.tables ?? []
    if !checkpoints.isEmpty {
      tables.append(
        Table(columns: [.init("checkpoint"), .init("state")], rows: checkpoints.map { [$0.name, $0.state] }))
    }
    return tables
  }

  var notes: [String] { adapter?.notes ?? [] }

  /// Members of a list that the text shows.
  private static let listLimit = 12

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .int(let number): Formatting.count(number)
    case .double(let number): Formatting.number(number)
    case .array(let values):
      values.prefix(listLimit).map(text).joined(separator: ", ")
        + (values.count > listLimit ? ", … (\(values.count) in all)" : "")
    default: value.text
    }
  }
}

extension AdapterError {
  /// Whether the adapter is sound as far as can be told, but of a kind that the program cannot use.
  fileprivate var isOfUnknownKind: Bool {
    switch self {
    case .unsupportedType, .unsupportedOption, .surplusTensors: true
    default: false
    }
  }
}
