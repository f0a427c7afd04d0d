import Tensors

/// What a family's config.json says: the arrays of the model, their names in files, and how the model is made of them.
public protocol BackboneConfiguration: Sendable {
  /// Token ids are below it.
  var vocabularySize: Int { get }
  /// Token types are below it (BERT's segments).
  var tokenTypeCount: Int { get }
  /// Tokens a sequence may have.
  var positionCount: Int { get }
  /// The arrays of the model's file and their shapes, in order, without an output projection that is tied.
  var parameterShapes: [(name: String, shape: [Int])] { get }

  /// How the model reads a prompt and its answer.
  var architecture: Architecture { get }

  /// The same model, told which tensors its file has.
  func fitting(_ fileNames: Set<String>) -> any BackboneConfiguration

  /// The names that files may give to an array, the best first.
  func fileNames(of name: String) -> [String]

  /// Whether a tensor of a file is a constant or a copy that the model does without.
  func ignores(_ fileName: String) -> Bool

  /// Fills an array of a fresh model; depends on the seed and the array's name alone.
  func initialize(_ name: String, _ values: UnsafeMutableBufferPointer<Float>, seed: UInt64)

  /// The same model with no more layers in a stack than `count`, to measure one that stands for all.
  func limited(toLayers count: Int) -> any BackboneConfiguration

  /// The model on given numbers.
  func makeBackbone(_ arrays: BackboneArrays) -> any Backbone
}

extension BackboneConfiguration {
  /// Most families are decoders.
  public var architecture: Architecture { .decoderOnly }

  /// Most families know no segments.
  public var tokenTypeCount: Int { 1 }

  public func limited(toLayers count: Int) -> any BackboneConfiguration { self }

  /// Most families' config.json says all.
  public func fitting(_ fileNames: Set<String>) -> any BackboneConfiguration { self }

  /// The model on numbers that `numbers` finds by an array's name; asked once for each of ``parameterShapes``.
  public func makeBackbone(numbers: (String) -> FrozenNumbers) -> any Backbone {
    makeBackbone(BackboneArrays(parameterShapes, numbers))
  }

  /// N(0, σ²), from the seed and the array's name.
  func fillNormal(
    _ name: String, _ values: UnsafeMutableBufferPointer<Float>, standardDeviation: Float, seed: UInt64
  ) {
    RandomKey(seed: seed).child("random backbone").child(name).fillNormal(values, standardDeviation: standardDeviation)
  }

  /// - Throws: ``BackboneError`` when the numbers of all arrays together could not be counted in bytes.
  func requireCountableNumbers(file: String) throws {
    let count = parameterShapes.reduce(0.0) { $0 + $1.shape.reduce(1.0) { $0 * Double($1) } }
    guard count < 0x1p48 else {
      throw BackboneError.configuration(file: file, "its dimensions make a model of more numbers than any memory holds")
    }
  }
}

/// A model's arrays by their names.
public struct BackboneArrays {
  public let parameters: [Parameter]
  private let named: [String: Parameter]

  init(_ shapes: [(name: String, shape: [Int])], _ numbers: (String) -> FrozenNumbers) {
    parameters = shapes.map { Parameter(name: $0.name, shape: $0.shape, numbers: numbers($0.name)) }
    named = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0) })
  }

  subscript(_ name: String) -> Parameter {
    guard let parameter = named[name] else { preconditionFailure("no array \(name)") }
    return parameter
  }

  /// An array that not every model of the family has.
  func optional(_ name: String) -> Parameter? { named[name] }
}

extension String {
  /// The rest behind a prefix; nothing without it.
  func withoutPrefix(_ prefix: String) -> [String] {
    hasPrefix(prefix) ? [String(dropFirst(prefix.count))] : []
  }
}
