import Tensors

@testable import Adapters

/// Adapters with random numbers at two maps, for properties that hold for any.
enum RandomAdapter {
  static let paths = ["model.layers.0.q_proj", "model.layers.1.v_proj"]
  /// Inputs and outputs of each map.
  static let shapes = [(inputs: 7, outputs: 5), (inputs: 6, outputs: 9)]

  /// Numbers of N(0, 1) that depend on the seed and the name alone.
  static func numbers(_ seed: UInt64, _ name: String, count: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    values.withUnsafeMutableBufferPointer { RandomKey(seed: seed).child(name).fillNormal($0, standardDeviation: 1) }
    return values
  }

  static func tensor(_ seed: UInt64, _ name: String, _ shape: [Int]) -> SavedTensor {
    SavedTensor(name: name, shape: shape, values: numbers(seed, name, count: shape.reduce(1, *)))
  }

  /// A LoRA.
  ///
  /// - Parameters:
  ///   - seedOfA: Where A comes from; nil: the seed.
  ///   - whole: Tensors of modules that are trained whole.
  static func lora(
    _ seed: UInt64, seedOfA: UInt64? = nil, rank: Int = 3, alpha: Double = 3, whole: [SavedTensor] = [],
    change: (inout AdapterConfiguration) -> Void = { _ in }
  ) throws -> SavedAdapter {
    var configuration = AdapterConfiguration(peftType: .lora)
    (configuration.adapterRank, configuration.loraAlpha) = (rank, alpha)
    configuration.targetModules = .endings(["q_proj", "v_proj"])
    change(&configuration)
    let tensors = zip(paths, shapes).flatMap { path, shape in
      [
        tensor(seedOfA ?? seed, AdapterPlan.name(path, "lora_A.weight"), [rank, shape.inputs]),
        tensor(seed, AdapterPlan.name(path, "lora_B.weight"), [shape.outputs, rank]),
      ]
    }
    return try SavedAdapter(configuration, storesInputsFirst: false, tensors: tensors + whole, file: "adapter")
  }

  /// An (IA)³ adapter: outputs scaled at the first map, inputs at the second.
  static func ia3(_ seed: UInt64, width: Int = 5) throws -> SavedAdapter {
    var configuration = AdapterConfiguration(peftType: .ia3)
    configuration.targetModules = .endings(["q_proj", "v_proj"])
    configuration.feedforwardModules = .endings(["v_proj"])
    let tensors = [
      tensor(seed, AdapterPlan.name(paths[0], "ia3_l"), [width, 1]),
      tensor(seed, AdapterPlan.name(paths[1], "ia3_l"), [1, 6]),
    ]
    return try SavedAdapter(configuration, storesInputsFirst: false, tensors: tensors, file: "adapter")
  }

  /// A mixture of two experts, routed by token.
  static func moLoRA(_ seed: UInt64, expertCount: Int = 2, alpha: Double = 2) throws -> SavedAdapter {
    var configuration = AdapterConfiguration(peftType: .moLoRA)
    (configuration.expertCount, configuration.adapterRank, configuration.loraAlpha) = (expertCount, 2, alpha)
    let suffixes = MoLoRA.suffixes
    let tensors = suffixes.map { tensor(seed, AdapterPlan.name(paths[0], $0), [expertCount, 2, 4]) }
    return try SavedAdapter(configuration, storesInputsFirst: false, tensors: tensors, file: "adapter")
  }
}

extension SavedAdapter {
  /// ΔW of a LoRA at each map.
  func updates() throws -> [DoubleMatrix] {
    let method = LoRA(configuration, sites: [])
    return try sites.map { site in
      let factors = try LowRankFactors(method, at: site)
      return factors.b.scaled(by: factors.scale) * factors.a
    }
  }

  /// The tensors by name.
  var byName: [String: SavedTensor] { Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) }) }
}

/// The composition of adapters called a, b, c….
func compose(
  _ operation: ArithmeticOperator, _ adapters: [SavedAdapter], _ weights: [Double],
  options: (inout ArithmeticOptions) -> Void = { _ in }
) throws -> Composition {
  let signed = try operation.signedWeights(weights, adapterCount: adapters.count)
  let terms = zip(adapters, signed).enumerated().map { place, term in
    WeightedAdapter(name: String(Character(UnicodeScalar(UInt8(97 + place)))), adapter: term.0, weight: term.1)
  }
  var choices = ArithmeticOptions()
  options(&choices)
  return try Composition(ArithmeticRequest(operation, terms, options: choices))
}

/// The largest distance of two matrices' numbers.
func distance(_ first: DoubleMatrix, _ second: DoubleMatrix) -> Double {
  zip(first.values, second.values).map { abs($0 - $1) }.max() ?? 0
}
