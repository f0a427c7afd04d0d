import Checkpoints
import MessagePassing
import Tensors

/// A backbone and the shared memory it stands on.
public struct LoadedBackbone {
  public let backbone: any Backbone
  public let weights: SharedWeights
  /// Tensors of the file that the model does not use, for a note to the user.
  public let unusedTensors: [String]
}

/// Builds backbones from Hugging Face folders or from published shapes with random numbers.
public enum BackboneLoader {
  /// Loads a model folder. Collective over `node`.
  ///
  /// - Throws: ``BackboneError``, `ModelFolderError`, `SafetensorsError` or `MPIError`.
  public static func load(_ folder: ModelFolder, node: Communicator) throws -> LoadedBackbone {
    let configuration = try configuration(of: folder)
    let source = try folder.weights()
    let entries = try entries(configuration, in: source)
    let weights = try SharedWeights(entries, from: source, node: node)
    return LoadedBackbone(
      backbone: GPT2(configuration, values: weights.values), weights: weights,
      unusedTensors: unusedTensors(of: source, entries))
  }

  /// The arrays that a model takes from a file, all there and of the right shape.
  ///
  /// - Throws: ``BackboneError``.
  static func entries(
    _ configuration: GPT2Configuration, in source: any TensorSource
  ) throws -> [SharedWeights.Entry] {
    let names = FileNames(source.names)
    let shapes = configuration.parameterShapes
    let missing = shapes.filter { names.file($0.name) == nil }.map(\.name)
    guard missing.isEmpty else { throw BackboneError.missingTensors(file: source.path, names: missing) }
    return try shapes.map { name, shape in
      let fileName = names.file(name)!
      let found = try source.info(fileName).shape
      guard found == shape else {
        throw BackboneError.wrongShape(file: source.path, name: name, found: found, expected: shape)
      }
      return SharedWeights.Entry(name: name, fileName: fileName, count: shape.reduce(1, *))
    }
  }

  /// The tensors of a file that `entries` leave over, known buffers apart.
  static func unusedTensors(of source: any TensorSource, _ entries: [SharedWeights.Entry]) -> [String] {
    let names = FileNames(source.names), used = Set(entries.map(\.fileName))
    return source.names.filter { !used.contains($0) && !names.isBuffer($0) }
  }

  /// A model of the folder's shape with fresh random weights (``GPT2Configuration/initialize(_:_:seed:)``).
  public static func random(_ folder: ModelFolder, seed: UInt64, node: Communicator) throws -> LoadedBackbone {
    try random(configuration(of: folder), seed: seed, node: node)
  }

  /// A model of a given shape with fresh random weights. Collective over `node`.
  public static func random(
    _ configuration: GPT2Configuration, seed: UInt64, node: Communicator
  ) throws -> LoadedBackbone {
    let entries = configuration.parameterShapes.map {
      SharedWeights.Entry(name: $0.name, fileName: $0.name, count: $0.shape.reduce(1, *))
    }
    let weights = try SharedWeights(entries, node: node) { configuration.initialize($0.name, $1, seed: seed) }
    return LoadedBackbone(
      backbone: GPT2(configuration, values: weights.values), weights: weights, unusedTensors: [])
  }

  /// Reads and checks a folder's config.json.
  public static func configuration(of folder: ModelFolder) throws -> GPT2Configuration {
    let file = folder.configurationFile.path
    guard BackboneError.supportedFamilies.contains(folder.modelType) else {
      throw BackboneError.unsupportedFamily(file: file, found: folder.modelType)
    }
    return try GPT2Configuration(json: folder.configurationValues, file: file)
  }
}

/// How a file names the model's tensors: GPT-2's own checkpoints leave out the leading `transformer.`.
private struct FileNames {
  private let names: Set<String>

  init(_ names: [String]) { self.names = Set(names) }

  func file(_ name: String) -> String? {
    if names.contains(name) { return name }
    let short = String(name.dropFirst("transformer.".count))
    return name.hasPrefix("transformer.") && names.contains(short) ? short : nil
  }

  /// Constant masks and copies of the tied projection that older files carry.
  func isBuffer(_ name: String) -> Bool {
    name.hasSuffix(".attn.bias") || name.hasSuffix(".attn.masked_bias") || name == "lm_head.weight"
  }
}

extension GPT2Configuration {
  /// GPT-2's initial values: N(0, initializer_range), residual projections divided by √(2 · layers), biases 0, norms 1.
  ///
  /// They depend on the seed and the parameter's name alone.
  public func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64) {
    if name.hasSuffix(".bias") { return values.update(repeating: 0) }
    if name.contains(".ln_") { return values.update(repeating: 1) }
    let isResidual = name.hasSuffix("c_proj.weight")
    let deviation = isResidual ? initializerRange / (2 * Float(layerCount)).squareRoot() : initializerRange
    RandomKey(seed: seed).child("random backbone").child(name).fillNormal(values, standardDeviation: deviation)
  }
}
