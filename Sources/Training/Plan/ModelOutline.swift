import Adapters
import Backbones
import Checkpoints
import Foundation
import Tasks
import Tensors

/// A model with its adapter, counted from configuration and shapes alone: nothing is loaded.
public struct ModelOutline {
  /// What reports call it.
  public let name: String
  public let configuration: any BackboneConfiguration
  public let adapter: AdapterOutline
  /// Of the frozen weights.
  public let precision: Precision
  /// Bytes of the frozen weights, which a node's ranks share, and those of them that lie in a window of shared memory and
  /// not in the mapped file.
  public let weightBytes, windowBytes: Int
  private let outline: BackboneOutline

  public var backbone: any Backbone { outline.backbone }
  public var numberOfParameters: Int { backbone.parameters.reduce(0) { $0 + $1.count } }

  /// - Parameters:
  ///   - source: The model's file, of which arrays that are stored as they are held are mapped; nil: all lie in a window.
  ///   - tasks: That a part's examples are of.
  /// - Throws: `AdapterError`.
  init(
    name: String, _ configuration: any BackboneConfiguration, adapter: AdapterConfiguration, precision: Precision,
    source: (any TensorSource)?, tasks: Int
  ) throws {
    (self.name, self.configuration, self.precision) = (name, configuration, precision)
    outline = BackboneOutline(configuration, precision: precision)
    self.adapter = try AdapterOutline(adapter, backbone: outline.backbone, tasks: tasks)
    var weights = 0, window = 0
    for (name, shape) in configuration.parameterShapes {
      let holding = precision.holding(shape: shape), byteCount = shape.reduce(1, *) * holding.byteCount
      weights += byteCount
      if !Self.isMapped(configuration.fileNames(of: name), holding, source) { window += byteCount }
    }
    (weightBytes, windowBytes) = (weights, window)
  }

  /// A recipe's.
  ///
  /// - Parameter tasks: That a part's examples are of; nil: as many as the recipe has, but no more than sequences a part.
  /// - Throws: An error of the model's folder, or of the adapter.
  public init(_ recipe: Recipe, tasks: Int? = nil) throws {
    let folder = try ModelAssembly.folder(recipe.modelNameOrPath)
    let source = recipe.initWeights == .random ? nil : try folder.weights()
    var configuration = try BackboneLoader.configuration(of: folder)
    if let source { configuration = configuration.fitting(Set(source.names)) }
    var adapter = try recipe.adapterConfiguration()
    if adapter.routing == .task, adapter.taskCount == 0 { adapter.taskCount = recipe.tasks.count }
    try self.init(
      name: recipe.modelNameOrPath, configuration, adapter: adapter, precision: recipe.precision, source: source,
      tasks: tasks ?? min(recipe.tasks.count, recipe.sequencesPerPart))
    try recipe.requireFit(positions: configuration.positionCount)
  }

  private static func isMapped(_ names: [String], _ holding: Precision, _ source: (any TensorSource)?) -> Bool {
    guard let source, let name = names.first(where: source.contains), let info = try? source.info(name) else {
      return false
    }
    return info.dataType == (holding == .fp32 ? .float32 : .bfloat16)
  }

  /// What one sequence's pass computes, forward and backward.
  public func work(tokenCount: Int, labelCount: Int, isCheckpointed: Bool = false) -> PassWork {
    var work = backbone.passWork(tokenCount: tokenCount, labelCount: labelCount)
    work.adapter = adapter.work(tokenCount: tokenCount, labelCount: labelCount, of: backbone)
    // The gradients of the maps' weights.
    if adapter.isFull { (work.linear, work.head) = (work.linear * 1.5, work.head * 1.5) }
    return isCheckpointed ? work.checkpointed(layerCount: backbone.layerCount) : work
  }
}

extension Recipe {
  /// Sequences of a part, where all are of one length.
  public var sequencesPerPart: Int { (trainBatchSize + microBatches - 1) / microBatches }
}
