import Checkpoints
import MessagePassing
import Tensors

/// A backbone and the shared memory it stands on.
public struct LoadedBackbone {
  public let backbone: any Backbone
  public let weights: SharedWeights
  /// Tensors of the file that the model does not use, for a note to the user.
  public let unusedTensors: [String]
  let configuration: any BackboneConfiguration

  /// Another model on the same numbers, without what was set into the first.
  public func another() -> any Backbone { configuration.makeBackbone(numbers: weights.numbers) }
}

/// Builds backbones from Hugging Face folders or from published shapes with random numbers.
public enum BackboneLoader {
  /// Loads a model folder. Collective over `node`.
  ///
  /// - Parameters:
  ///   - node: Ranks of one machine, which share the weights.
  ///   - precision: How frozen arrays of two or more axes are held.
  ///   - isCopied: Whether these ranks have all weights in memory of their own, and none mapped from the file.
  /// - Throws: ``BackboneError``, `ModelFolderError`, `SafetensorsError` or `MPIError`.
  public static func load(
    _ folder: ModelFolder, node: Communicator, precision: Precision = .fp32, isCopied: Bool = false
  ) throws -> LoadedBackbone {
    let source = try folder.weights()
    let configuration = try configuration(of: folder).fitting(Set(source.names))
    let entries = try entries(configuration, in: source)
    let weights = try SharedWeights(
      entries, from: source, node: node, precision: precision, isCopied: isCopied)
    return LoadedBackbone(
      backbone: configuration.makeBackbone(numbers: weights.numbers), weights: weights,
      unusedTensors: unusedTensors(configuration, of: source, entries), configuration: configuration)
  }

  /// Bytes of a folder's weights, as they are held. Reads the headers of its files alone.
  ///
  /// - Throws: As ``load(_:node:precision:isCopied:)``.
  public static func byteCount(of folder: ModelFolder, precision: Precision) throws -> Int {
    let source = try folder.weights()
    let entries = try entries(configuration(of: folder).fitting(Set(source.names)), in: source)
    return entries.reduce(0) { $0 + $1.byteCount(precision) }
  }

  /// The names that a folder's file gives to the model's arrays, by the model's names.
  ///
  /// - Throws: As ``load(_:node:precision:isCopied:)``.
  public static func fileNames(of folder: ModelFolder) throws -> [String: String] {
    let source = try folder.weights()
    let entries = try entries(configuration(of: folder).fitting(Set(source.names)), in: source)
    return Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0.fileName) })
  }

  /// The arrays that a model takes from a file, all there and of the right shape.
  ///
  /// - Throws: ``BackboneError``.
  static func entries(
    _ configuration: any BackboneConfiguration, in source: any TensorSource
  ) throws -> [SharedWeights.Entry] {
    let names = Set(source.names), shapes = configuration.parameterShapes
    let fileNames = shapes.map { configuration.fileNames(of: $0.name).first(where: names.contains) }
    let missing = zip(shapes, fileNames).filter { $0.1 == nil }.map(\.0.name)
    guard missing.isEmpty else { throw BackboneError.missingTensors(file: source.path, names: missing) }
    return try zip(shapes, fileNames).map { array, fileName in
      let found = try source.info(fileName!).shape
      guard found == array.shape else {
        throw BackboneError.wrongShape(file: source.path, name: array.name, found: found, expected: array.shape)
      }
      return SharedWeights.Entry(name: array.name, fileName: fileName!, shape: array.shape)
    }
  }

  /// The tensors of a file that `entries` leave over, known buffers apart.
  static func unusedTensors(
    _ configuration: any BackboneConfiguration, of source: any TensorSource, _ entries: [SharedWeights.Entry]
  ) -> [String] {
    let used = Set(entries.map(\.fileName))
    return source.names.filter { !used.contains($0) && !configuration.ignores($0) }
  }

  /// A model of the folder's shape with fresh random weights (``BackboneConfiguration/initialize(_:_:seed:)``).
  public static func random(
    _ folder: ModelFolder, seed: UInt64, node: Communicator, precision: Precision = .fp32
  ) throws -> LoadedBackbone {
    try random(configuration(of: folder), seed: seed, node: node, precision: precision)
  }

  /// A model of a given shape with fresh random weights, the same ones in either precision but for their rounding.
  /// Collective over `node`.
  public static func random(
    _ configuration: any BackboneConfiguration, seed: UInt64, node: Communicator, precision: Precision = .fp32
  ) throws -> LoadedBackbone {
    let entries = configuration.parameterShapes.map {
      SharedWeights.Entry(name: $0.name, fileName: $0.name, shape: $0.shape)
    }
    let weights = try SharedWeights(entries, node: node, precision: precision) {
      configuration.initialize($0.name, $1, seed: seed)
    }
    return LoadedBackbone(
      backbone: configuration.makeBackbone(numbers: weights.numbers), weights: weights, unusedTensors: [],
      configuration: configuration)
  }

  /// Reads and checks a folder's config.json.
  public static func configuration(of folder: ModelFolder) throws -> any BackboneConfiguration {
    try BackboneFamily.configuration(
      modelType: folder.modelType,
      ConfigurationReader(json: folder.configurationValues, file: folder.configurationFile.path))
  }
}
