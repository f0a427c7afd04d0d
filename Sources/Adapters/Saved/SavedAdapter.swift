import Checkpoints
import Foundation

/// An adapter as its folder holds it, without the model it belongs to.
public struct SavedAdapter: Sendable {
  public let configuration: AdapterConfiguration
  /// PEFT's fan_in_fan_out: whether the backbone keeps weights as (inputs, outputs).
  public let storesInputsFirst: Bool
  /// The adapted maps, by their paths, layers in their order.
  public let sites: [SavedSite]
  /// The tensors of modules that are trained whole (modules_to_save).
  public let wholeTensors: [SavedTensor]
  /// The tasks' own classification heads.
  public let heads: [SavedHead]
  /// The tensors' file.
  public let file: String

  /// Reads a folder.
  ///
  /// - Throws: ``AdapterError`` for a configuration that is not supported, a tensor that belongs to nothing, or numbers
  ///   that are not finite; ``TaskHeadError`` for a head that is missing; an error of a file.
  public init(_ folder: URL) throws {
    let configuration = try AdapterFolder.configuration(folder)
    let source = try SafetensorsFile(folder.appending(path: AdapterFolder.weightsName))
    let tensors = try source.names.map { name in
      let tensor = SavedTensor(name: name, shape: try source.info(name).shape, values: try source.array(name))
      guard tensor.values.allSatisfy(\.isFinite) else { throw AdapterError.notFinite(name: name, file: source.path) }
      return tensor
    }
    try self.init(
      configuration, storesInputsFirst: Self.storesInputsFirst(folder), tensors: tensors, file: source.path)
  }

  /// An adapter of these tensors.
  ///
  /// - Parameter file: What errors call the tensors' file.
  /// - Throws: As ``init(_:)`` for tensors that do not fit the configuration.
  public init(
    _ configuration: AdapterConfiguration, storesInputsFirst: Bool, tensors: [SavedTensor], file: String
  ) throws {
    (self.configuration, self.storesInputsFirst, self.file) = (configuration, storesInputsFirst, file)
    let suffixes = configuration.peftType.method?.suffixes ?? []
    var ofSites: [String: [String: SavedTensor]] = [:]
    var whole: [SavedTensor] = [], strangers: [String] = [], headTensors: [String: SavedTensor] = [:]
    let headSuffixes = SavedHead.suffixes(of: configuration.taskHeads, in: Set(tensors.map(\.name)))
    let headNames = Set(
      configuration.taskHeads.flatMap { head in headSuffixes.map { SavedHead.name(head, $0) } })
    for tensor in tensors {
      let name = tensor.name
      if headNames.contains(name) {
        headTensors[name] = tensor
      } else if let (path, suffix) = Self.place(of: name, suffixes) {
        ofSites[path, default: [:]][suffix] = tensor
      } else if configuration.moduleToSave(of: name) != nil {
        whole.append(tensor)
      } else {
        strangers.append(name)
      }
    }
    guard strangers.isEmpty else { throw AdapterError.surplusTensors(strangers, file: file) }
    guard !ofSites.isEmpty else {
      throw AdapterError.missingTensors(suffixes.prefix(1).map { AdapterPlan.name("…", $0) }, file: file)
    }
    let paths = ofSites.keys.sorted { $0.compare($1, options: .numeric) == .orderedAscending }
    sites = paths.map { SavedSite(path: $0, tensors: ofSites[$0] ?? [:], file: file) }
    wholeTensors = whole
    heads = try configuration.taskHeads.map {
      try SavedHead($0, suffixes: headSuffixes, tensors: headTensors, file: file)
    }
  }

  /// All tensors.
  public var tensors: [SavedTensor] {
    sites.flatMap { $0.tensors.values } + wholeTensors + heads.flatMap { $0.tensors.map(\.tensor) }
  }

  /// Writes it as PEFT's folder, which must exist.
  ///
  /// - Throws: An error of a file.
  public func write(into folder: URL) throws {
    try AdapterFolder.write(
      tensors.map { ($0.name, $0.shape, $0.values) }, configuration, storesInputsFirst: storesInputsFirst, into: folder)
  }

  /// The adapter's method, for the maps that the folder holds.
  public func method() throws -> (any AdapterMethod)? {
    try configuration.peftType.method?.init(configuration, sites: sites.map(\.path))
  }

  private static func storesInputsFirst(_ folder: URL) throws -> Bool {
    let data = try FileSystem.read(folder.appending(path: AdapterFolder.configurationName))
    let json = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    return json?["fan_in_fan_out"] as? Bool ?? false
  }

  /// The module and the suffix that a method's tensor is named by; nil for tensors of other kinds.
  private static func place(of name: String, _ suffixes: [String]) -> (path: String, suffix: String)? {
    guard name.hasPrefix(AdapterPlan.prefix), let suffix = suffixes.first(where: { name.hasSuffix("." + $0) }) else {
      return nil
    }
    return (String(name.dropFirst(AdapterPlan.prefix.count).dropLast(suffix.count + 1)), suffix)
  }
}

/// What a method saved at one linear map.
public struct SavedSite: Sendable {
  /// The module's path, such as `transformer.h.0.attn.c_attn`.
  public let path: String
  let tensors: [String: SavedTensor]
  let file: String

  /// Numbers saved here.
  public var parameterCount: Int { tensors.values.reduce(0) { $0 + $1.values.count } }

  /// A tensor.
  ///
  /// - Parameter shape: What it must be; nil for an axis of any length.
  /// - Throws: ``AdapterError/missingTensors(_:file:)`` or ``SavedAdapterError/wrongShape(name:found:expected:file:)``.
  func tensor(_ suffix: String, shape: [Int?]) throws -> SavedTensor {
    guard let tensor = tensors[suffix] else {
      throw AdapterError.missingTensors([AdapterPlan.name(path, suffix)], file: file)
    }
    guard tensor.shape.count == shape.count, zip(tensor.shape, shape).allSatisfy({ $1 == nil || $0 == $1 }) else {
      throw SavedAdapterError.wrongShape(name: tensor.name, found: tensor.shape, expected: shape, file: file)
    }
    return tensor
  }

  /// P, the map's inputs, and Q, its outputs, as factors of these shapes tell them.
  ///
  /// - Parameters:
  ///   - a: (…, inputs).
  ///   - b: (…, outputs, r).
  func widths(
    a: (suffix: String, shape: [Int?]), b: (suffix: String, shape: [Int?])
  ) throws -> (inputs: ParameterFormula, outputs: ParameterFormula) {
    let inputs = try tensor(a.suffix, shape: a.shape).shape[a.shape.count - 1]
    let outputs = try tensor(b.suffix, shape: b.shape).shape[b.shape.count - 2]
    return (ParameterFormula("P", inputs), ParameterFormula("Q", outputs))
  }
}

/// A tensor of an adapter's file.
public struct SavedTensor: Sendable, Equatable {
  public let name: String
  public let shape: [Int]
  /// In row-major order.
  public let values: [Float]

  public init(name: String, shape: [Int], values: [Float]) {
    (self.name, self.shape, self.values) = (name, shape, values)
  }

  /// The numbers behind an index of the first axis.
  func row(_ index: Int) -> ArraySlice<Float> {
    let count = shape.dropFirst().reduce(1, *)
    return values[index * count..<(index + 1) * count]
  }
}
