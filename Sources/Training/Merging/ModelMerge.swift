import Adapters
import Backbones
import Checkpoints
import Foundation

/// A model with an adapter folded into its weights, as a Hugging Face folder.
///
/// Tensors that the adapter leaves alone keep their bytes, and others are computed from the file's numbers, in whatever
/// precision the model is held meanwhile. A tied output projection stays tied, unless the adapter
/// brings its own or its own embedding: then both are written, and config.json says that they are apart.
public struct ModelMerge {
  /// What a merge did.
  public struct Summary: Sendable, Equatable {
    public let foldedMaps: Int
    /// Modules that the adapter trained whole, by their paths.
    public let wholeModules: [String]
    /// Whether embedding and output projection were tied, and no longer are.
    public let unties: Bool
    /// The types of the file's weights; buffers of integers and the like do not count.
    public let dataTypes: [DataType]
  }

  private let assembly: ModelAssembly
  /// What a task sees of the adapter, or the adapter.
  private let adapter: SavedAdapter
  /// The names of the classes of the adapter's head; empty if unknown.
  private let labels: [String]
  private let source: WeightFiles
  /// The names in the model's file by those of the model.
  private let fileNames: [String: String]
  /// The modules trained whole, by the model's names.
  private let whole: [String: SavedTensor]

  private var backbone: any Backbone { assembly.model.backbone }

  /// - Parameters:
  ///   - assembly: The model with the adapter in it, which stays as it is.
  ///   - saved: The adapter's folder.
  ///   - task: One of the tasks that the adapter tells apart.
  /// - Throws: ``ModelMergeError``, `SavedAdapterError`, or an error of a file.
  public init(_ assembly: ModelAssembly, _ saved: SavedAdapter, task: Int?) throws {
    let configuration = saved.configuration, type = configuration.peftType
    guard type.routing != .token else { throw SavedAdapterError.routedByToken(type: type.rawValue) }
    let tellsTasksApart = type.routing == .task || !configuration.taskHeads.isEmpty
    if tellsTasksApart, task == nil { throw ModelMergeError.noTask(tasks: configuration.lineTasks) }
    if !tellsTasksApart, task != nil { throw ModelMergeError.sameForAllTasks(type: type.rawValue) }
    self.assembly = assembly
    adapter = try task.map { try TaskExport(saved).adapter(of: $0) } ?? saved
    let head = task.flatMap { configuration.head(of: configuration.lineTasks[$0]) }
    labels = head.map { configuration.taskHeads[$0].labels } ?? []
    source = try assembly.folder.weights()
    fileNames = try BackboneLoader.fileNames(of: assembly.folder)
    whole = Dictionary(
      adapter.wholeTensors.map { (String($0.name.trimmingPrefix("base_model.model.")), $0) }
    ) { first, _ in first }
  }

  /// Writes the model into an existing, empty folder.
  ///
  /// - Parameter dataType: F32, F16 or BF16 for all of the model's numbers; nil: each tensor keeps its type.
  /// - Throws: ``ModelMergeError``, or an error of a file.
  public func write(into folder: URL, dataType: DataType?) throws -> Summary {
    let tensors = try tensors(dataType)
    var isChanged = false
    try SafetensorsWriter.write(
      to: folder.appending(path: "model.safetensors"), typed: tensors.map { ($0.name, $0.shape, $0.dataType) }
    ) { place in
      let result = try tensors[place].bytes(of: source)
      isChanged = isChanged || result.isChanged
      return result.bytes
    }
    let dataTypes = Set(tensors.map(\.dataType)).filter(\.holdsWeights).sorted { $0.rawValue < $1.rawValue }
    guard isChanged else {
      throw ModelMergeError.changesNothing(adapter: adapter.file, dataTypes: dataTypes.map(\.rawValue))
    }
    try assembly.folder.copyCompanions(to: folder)
    try MergedConfiguration(isUntied: isUntied, dataType: dataType, classCount: classCount, labels: labels)
      .write(for: assembly.folder, into: folder)
    let modules = Set(whole.keys.map { $0.split(separator: ".").dropLast().joined(separator: ".") })
    return Summary(
      foldedMaps: adapter.sites.count, wholeModules: modules.sorted(), unties: isUntied, dataTypes: dataTypes)
  }

  // MARK: Tensors

  private var projectionName: String { backbone.projectionPath + ".weight" }

  /// Whether the adapter has made the projection an array of its own.
  private var isUntied: Bool {
    fileNames[projectionName] == nil && backbone.parameters.contains { $0.name == projectionName }
  }

  /// The classes of a head that the adapter brings; nil: it brings none.
  private var classCount: Int? {
    (whole["classifier.weight"] ?? whole["classifier.out_proj.weight"])?.shape.first
  }

  /// All tensors of the file: the model's, those of modules that it lacks, and what else its file holds.
  private func tensors(_ wanted: DataType?) throws -> [MergedTensor] {
    let parameters = backbone.parameters, known = Set(parameters.map(\.name))
    let added = whole.filter { !known.contains($0.key) }
    // Hugging Face takes a head beside a base model only under the names of the model that has both.
    let renames = added.contains { !source.contains($0.key) }
    let numbers = try newNumbers()
    var tensors = try parameters.map { parameter in
      let original = fileNames[parameter.name], name = renames ? parameter.name : original ?? parameter.name
      if let original, numbers[parameter.name] == nil {
        return try MergedTensor(name, of: source, original: original, wanted: wanted)
      }
      let values = numbers[parameter.name] ?? { _ in try self.numbers(of: parameter) }
      return try MergedTensor(
        name, shape: parameter.shape, of: source, original: original, wanted: wanted,
        values: isUntied && parameter.name == projectionName ? { projection(try values($0), $0) } : values)
    }
    tensors += try added.map { name, tensor in
      try MergedTensor(name, shape: tensor.shape, of: source, original: nil, wanted: wanted) { _ in tensor.values }
    }
    let names = Set(tensors.map(\.name)), used = Set(fileNames.values)
    return tensors
      + (try source.names.filter { !used.contains($0) && !names.contains($0) }.map {
        try MergedTensor($0, of: source, original: $0, wanted: wanted)
      })
  }

  /// The numbers of those parameters that the adapter changes.
  private func newNumbers() throws -> [String: MergedTensor.Values] {
    var numbers: [String: MergedTensor.Values] = whole.mapValues { tensor in { _ in tensor.values } }
    for folded in try adapter.foldedMaps(of: backbone, numbers: self.numbers(of:)) {
      numbers[folded.map.weight.name] = folded.weight
      if let bias = folded.map.bias, let values = folded.bias { numbers[bias.name] = { $0.rounded(values) } }
    }
    return numbers
  }

  /// A parameter's numbers, exact whatever the precision that the backbone holds them in: the file's, but where the
  /// adapter has its own.
  private func numbers(of parameter: Parameter) throws -> [Float] {
    guard !parameter.isTrained, let name = fileNames[parameter.origin] else { return parameter.matrix.array() }
    return try source.array(name)
  }

  /// T5 divides the last states by √width only where the projection is tied, and version 1.1 not even there: one that
  /// is apart takes the factor in.
  private func projection(_ values: [Float], _ dataType: DataType) -> [Float] {
    guard let model = backbone as? T5, model.configuration.scalesOutputs else { return values }
    let factor = 1 / Double(model.configuration.width).squareRoot()
    return dataType.rounded(values.map { Double($0) * factor })
  }
}
