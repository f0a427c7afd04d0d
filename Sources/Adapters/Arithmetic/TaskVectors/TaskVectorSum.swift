import Checkpoints
import Foundation
import Tensors

/// A whole model of a sum, and how much it counts.
public struct WeightedModel: Sendable {
  /// What messages call it.
  public let name: String
  public let folder: ModelFolder
  /// With the sign that the operator gives it.
  public let weight: Double

  public init(name: String, folder: ModelFolder, weight: Double) {
    (self.name, self.folder, self.weight) = (name, folder, weight)
  }
}

/// Models that were trained whole from one base, made into one without training (Ilharco et al. 2023; FFT of Zhang et
/// al. 2023), as a Hugging Face folder.
///
///     θ' = θ₀ + Σ wᵢ (θᵢ - θ₀)
///
/// Where the weights sum to 1, θ₀ cancels: θ' = Σ wᵢ θᵢ. Other operators put ``TaskVectorRule`` in the sum's place.
/// Magnitudes are compared over all of a model's weights, as Yadav et al. 2023 do; all equals of the least that stays
/// stay too. Numbers are 64-bit, and rounded once to the base's type. A tensor after the other is read, summed and
/// written.
public struct TaskVectorSum {
  private let weights: [Double]
  private let models: [ModelTensors]
  private let base: ModelTensors?
  private let operation: ArithmeticOperator
  private let options: ArithmeticOptions
  private let layout: TaskVectorLayout
  /// Whether θ₀ cancels.
  private let isPlain: Bool

  /// - Parameters:
  ///   - terms: At least one.
  ///   - base: What all were trained from; may be nil where the weights of a plain sum sum to 1.
  ///   - options: Those for adapters alone are without effect.
  /// - Throws: ``TaskVectorError``, ``ArithmeticRequestError``, or what reading a model's folder throws.
  public init(
    _ operation: ArithmeticOperator, _ terms: [WeightedModel], base: ModelFolder?, options: ArithmeticOptions = .init()
  ) throws {
    precondition(!terms.isEmpty, "a sum of no models")
    try options.validate(for: operation)
    if [.cat, .svd].contains(operation) { throw TaskVectorError.needsFactors(operation) }
    let total = terms.reduce(0) { $0 + $1.weight }
    // Rounding, of weights such as three times 1/3.
    isPlain = !operation.prunes && abs(total - 1) < 1e-12
    if base == nil, !isPlain {
      throw operation.prunes ? TaskVectorError.noBase(operation) : TaskVectorError.weightsNeedBase(total: total)
    }
    (self.operation, self.options, weights) = (operation, options, terms.map(\.weight))
    models = try terms.map { try ModelTensors($0.folder, name: $0.name) }
    self.base = try base.map { try ModelTensors($0, name: "the base") }
    layout = try TaskVectorLayout(
      models, weights: weights, base: self.base, withoutHeads: options.leavesOutWholeModules)
  }

  /// The heads that have no task vector, and are the mean of the models that hold them, with their weights.
  public var averagedTensors: [String] {
    layout.tensors.filter { ![.sum, .copy].contains($0.origin) }.map(\.name)
  }

  /// Writes the model into an existing, empty folder: weights, the first model's config.json and its tokenizer's files.
  ///
  /// - Returns: What came of each tensor that has a task vector, by name.
  /// - Throws: ``TaskVectorError/tooLarge(tensor:dataType:)``, or an error of a file.
  public func write(into folder: URL) throws -> [(tensor: String, report: TaskVectorReport)] {
    let rule = try rule(), tensors = layout.tensors
    var reports: [(tensor: String, report: TaskVectorReport)] = []
    try SafetensorsWriter.write(
      to: folder.appending(path: "model.safetensors"), typed: tensors.map { ($0.fileName, $0.shape, $0.dataType) }
    ) { place in
      let tensor = tensors[place]
      switch tensor.origin {
      case .copy: return try (base ?? models[0]).bytes(tensor.name)
      case .mean(let holders): return try mean(tensor, holders)
      case .sum:
        let (bytes, report) = try sum(tensor, rule)
        reports.append((tensor.name, report))
        return bytes
      }
    }
    try FileSystem.atomicWrite(configuration(), to: folder.appending(path: "config.json"))
    try models[0].folder.copyCompanions(to: folder)
    return reports.sorted { $0.tensor < $1.tensor }
  }

  // MARK: Numbers

  /// Numbers of a tensor that are in memory at a time in 64 bits.
  private static let partSize = 1 << 16

  private static func parts(of tensor: TaskVectorLayout.Tensor) -> [Range<Int>] {
    stride(from: 0, to: tensor.count, by: partSize).map { $0..<min($0 + partSize, tensor.count) }
  }

  private static func difference(_ values: [Double], _ start: [Double]) -> [Double] { zip(values, start).map(-) }

  private func sum(
    _ tensor: TaskVectorLayout.Tensor, _ rule: TaskVectorRule
  ) throws -> (bytes: [UInt8], report: TaskVectorReport) {
    let origin = try base?.numbers(tensor.name), trained = try models.map { try $0.numbers(tensor.name) }
    var bytes: [UInt8] = [], report = TaskVectorReport(modelCount: models.count)
    bytes.reserveCapacity(tensor.count * tensor.dataType.byteCount)
    for (part, range) in Self.parts(of: tensor).enumerated() {
      let start = origin?.doubles(range) ?? [Double](repeating: 0, count: range.count)
      let values = trained.map { $0.doubles(range) }, vectors = values.map { Self.difference($0, start) }
      // A sum that is zero leaves even the sign of a zero.
      let result =
        isPlain
        ? weightedSum(values, weights)
        : zip(start, rule.update(vectors, tensor: tensor.name, part: part)).map { $1 == 0 ? $0 : $0 + $1 }
      let rounded = try rounded(result, tensor)
      report.add(
        result: Self.difference(rounded.map(Double.init), start), exact: weightedSum(vectors, weights),
        vectors: vectors, weights: weights)
      bytes += tensor.dataType.encode(rounded) ?? []
    }
    return (bytes, report)
  }

  /// Σ wᵢ Wᵢ / Σ wᵢ over the models that hold it.
  private func mean(_ tensor: TaskVectorLayout.Tensor, _ holders: [Int]) throws -> [UInt8] {
    guard holders.count > 1, let shares = holders.map({ weights[$0] }).shares else {
      return try models[holders[0]].bytes(tensor.name)
    }
    let values = try holders.map { try models[$0].numbers(tensor.name) }
    return try Self.parts(of: tensor).reduce(into: []) { bytes, range in
      let mean = try rounded(weightedSum(values.map { $0.doubles(range) }, shares), tensor)
      bytes += tensor.dataType.encode(mean) ?? []
    }
  }

  private func rounded(_ values: [Double], _ tensor: TaskVectorLayout.Tensor) throws -> [Float] {
    guard values.allSatisfy({ $0.magnitude <= Double(tensor.dataType.largest) }) else {
      throw TaskVectorError.tooLarge(tensor: tensor.name, dataType: tensor.dataType.rawValue)
    }
    return tensor.dataType.rounded(values)
  }

  // MARK: Rule

  private func rule() throws -> TaskVectorRule {
    let choice: TaskVectorRule.Choice? =
      if let density = options.density, density < 1 {
        operation.isRandom
          ? .lots(RandomKey(seed: options.seed ?? 0).child("dare"), density: density) : .atLeast(try bounds(density))
      } else {
        nil
      }
    let election =
      operation.electsSigns
      ? SignElection(majority: options.majority ?? .total, ignoresSignsOfWeights: false) : nil
    return TaskVectorRule(weights: weights, choice: choice, election: election)
  }

  /// The magnitude that ⌊density · count⌋ entries of each model's task vector reach.
  private func bounds(_ density: Double) throws -> [Double] {
    let tensors = layout.tensors.filter { $0.origin == .sum }
    let kept = Int(density * Double(tensors.reduce(0) { $0 + $1.count }))
    return try models.map { model in
      try MagnitudeThreshold.find(keeping: kept) { body in
        for tensor in tensors {
          let start = try base?.numbers(tensor.name), values = try model.numbers(tensor.name)
          for range in Self.parts(of: tensor) {
            body(start.map { Self.difference(values.doubles(range), $0.doubles(range)) } ?? values.doubles(range))
          }
        }
      }
    }
  }

  // MARK: config.json

  /// The first model's, without its heads if they are left out.
  private func configuration() throws -> Data {
    let folder = models[0].folder
    guard layout.leavesOutHeads else { return folder.configuration }
    var values = folder.configurationValues
    for key in ["id2label", "label2id", "num_labels", "problem_type"] { values[key] = nil }
    values["architectures"] = [folder.modelType == "roberta" ? "RobertaModel" : "BertModel"]
    return try JSONSerialization.data(
      withJSONObject: values, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
  }
}
