import Adapters
import Backbones
import ModelTestSupport

/// The small model with an adapter at work, and the same in double precision.
struct AdaptedPair {
  let model: AdapterModel
  var reference: ReferenceGPT2

  /// - Parameter rule: The adapter's rule for the reference.
  init(
    _ configuration: AdapterConfiguration, tiesEmbeddings: Bool = true,
    rule: ((ReferenceGPT2.Application, [String: [Double]]) -> [Double])?
  ) throws {
    var shape = TestModel.smallConfiguration
    shape.tiesEmbeddings = tiesEmbeddings
    let arrays = TestModel.arrays(shape)
    model = try AdapterModel(configuration, backbone: TestModel.backbone(shape, arrays), seed: 3)
    model.scatterValues()
    reference = ReferenceGPT2(shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = rule
  }
}

/// The text of the error that `body` throws; empty if it throws none.
func errorText(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// PEFT's name of a parameter.
func parameterName(_ path: String, _ suffix: String) -> String { "base_model.model.\(path).\(suffix)" }

/// A LoRA configuration on name endings.
func lora(_ endings: [String] = ["c_attn"], _ change: (inout AdapterConfiguration) -> Void = { _ in })
  -> AdapterConfiguration
{
  var configuration = AdapterConfiguration(peftType: .lora)
  configuration.targetModules = .endings(endings)
  configuration.adapterRank = 3
  configuration.loraAlpha = 5
  change(&configuration)
  return configuration
}

/// An (IA)³ configuration on name endings.
func ia3(_ endings: [String], feedforward: [String]) -> AdapterConfiguration {
  var configuration = AdapterConfiguration(peftType: .ia3)
  configuration.targetModules = .endings(endings)
  configuration.feedforwardModules = .endings(feedforward)
  return configuration
}

/// LoRA's rule, a row at a time.
///
/// - Parameters:
///   - scale: s of a module.
///   - mask: What the branch's input is multiplied by.
func loraRule(
  scale: @escaping (String) -> Double,
  mask: @escaping (ReferenceGPT2.Application) -> [Double] = { $0.x.map { _ in 1 } }
) -> (ReferenceGPT2.Application, [String: [Double]]) -> [Double] {
  { call, values in
    var y = call.base(call.x)
    guard let a = values[parameterName(call.path, "lora_A.weight")],
      let b = values[parameterName(call.path, "lora_B.weight")]
    else { return y }
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    let z = (0..<a.count / x.count).map { row in x.indices.reduce(0) { $0 + a[row * x.count + $1] * x[$1] } }
    for j in y.indices { y[j] += scale(call.path) * z.indices.reduce(0) { $0 + b[j * z.count + $1] * z[$1] } }
    return y
  }
}
