import Adapters
import Checkpoints
import Foundation
import ModelTestSupport
import TestSupport
import Testing

/// An adapter's folder read without its model.
struct SavedAdapterTests {
  /// A method with options of all sorts, its formula at c_attn of the small model (8 inputs, 24 outputs), what that is,
  /// and the active rank.
  private static let cases: [(AdapterConfiguration, formula: String, value: Int, activeRank: Int?)] = [
    (lora(), "r (P + Q)", 96, 3),
    (lora { $0.useDoRA = true }, "r (P + Q) + Q", 120, 3),
    (lora { $0.rankPattern = [.init(pattern: "c_attn", value: 2)] }, "r (P + Q)", 64, 3),
    (ia3(["c_attn"], feedforward: []), "Q", 24, nil),
    (ia3(["c_attn"], feedforward: ["c_attn"]), "P", 8, nil),
    (routed(.taskLoRA), "T r (P + Q)", 192, 2),
    (routed(.poly), "S r (P + Q) + T S", 268, 2),
    (routed(.poly) { $0.splitCount = 2 }, "S r (P + Q) + T S h", 280, 2),
    (routed(.cPoly), "(A + T B) r (P + Q) + T (A + B)", 329, 6),
    (routed(.cPoly) { $0.exclusiveSkills = false }, "(A + T B) r (P + Q) + T (A + T B)", 335, 10),
    (routed(.cPoly) { $0.commonSkillCount = 0 }, "(A + T B) r (P + Q) + T (A + B)", 195, 2),
    (routed(.cPoly) { $0.taskSkillCount = 0 }, "(A + T B) r (P + Q) + T (A + B)", 134, 4),
    (routed(.moLoRA), "m r (P + Q) + m P", 360, 10),
    (routed(.moLoRASD), "r P + m r Q + m P", 296, 2),
    (routed(.moDE), "r P + m r Q + r m P", 336, 2),
    (routed(.moDE) { ($0.adapterRank, $0.routerBlock) = (4, 2) }, "r P + m r Q + (r / block) m P", 592, 4),
  ]

  @Test(arguments: cases.indices) func theFormulaCountsWhatIsSaved(index: Int) throws {
    let (configuration, formula, value, activeRank) = Self.cases[index]
    let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 1)
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      let saved = try SavedAdapter(folder), method = try #require(try saved.method())
      #expect(saved.sites.map(\.path) == ["transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn"])
      #expect(saved.storesInputsFirst && saved.wholeTensors.isEmpty)
      for site in saved.sites {
        let found = try method.parameterFormula(at: site)
        #expect(found.text == formula && found.value == value)
        #expect(found.value == site.parameterCount)
        #expect(2 * found.value == model.parameters.values.count)
      }
      #expect(configuration.activeRank == activeRank)
    }
  }

  @Test func aFormulaRemembersItsLettersInTheirOrder() {
    let a = ParameterFormula("a", 6), b = ParameterFormula("b", 2), c = ParameterFormula("c", 3)
    let formula = (a + b) * (a / b) * c + b
    #expect(formula.text == "(a + b) (a / b) c + b")
    #expect(formula.value == 74)
    #expect(formula.symbols.map(\.name) == ["a", "b", "c"])
    let most = ParameterFormula("n", .max)
    #expect((most * b).value == .max && (most + b).value == .max)
  }

  /// The text when an adapter's folder is read after a change of its tensors.
  private func text(
    _ configuration: AdapterConfiguration, _ change: (inout [SafetensorsWriter.ArrayTensor]) -> Void
  ) throws -> String {
    try withTemporaryFolder { folder in
      let model = try AdapterModel(configuration, backbone: TestModel.random(), seed: 1)
      try AdapterFolder.write(model, to: folder)
      let url = folder.appending(path: AdapterFolder.weightsName)
      var tensors = try withExtendedLifetime(SafetensorsFile(url)) { file in
        try file.names.map { (name: $0, shape: try file.info($0).shape, values: try file.array($0)) }
      }
      change(&tensors)
      try SafetensorsWriter.write(to: url, arrays: tensors)
      return errorText {
        let saved = try SavedAdapter(folder)
        for site in saved.sites { _ = try saved.method()?.parameterFormula(at: site) }
      }.replacing(url.path, with: "FILE")
    }
  }

  private let module = "base_model.model.transformer.h.0.attn.c_attn"

  @Test func tensorsThatDoNotFitAreNamed() throws {
    let module = module
    #expect(
      try text(routed(.moLoRA)) { tensors in
        let index = tensors.firstIndex { $0.name == module + ".lora_A" }!
        tensors[index].shape = [2, 5, 8]
      } == "FILE: tensor \(module).lora_A has shape [2, 5, 8], adapter_config.json asks for [5, 2, any]")
    #expect(
      try text(routed(.taskLoRA)) { $0.removeAll { $0.name == module + ".lora_B" } }.hasPrefix(
        "FILE: 1 tensor(s) of the adapter are missing: \(module).lora_B; "))
    #expect(
      try text(routed(.taskLoRA)) { $0.removeAll() }.hasPrefix("FILE: 1 tensor(s) of the adapter are missing: "))
    #expect(
      try text(routed(.taskLoRA)) { $0.append(("base_model.model.transformer.ln_f.weight", [1], [1])) }
        == "FILE: 1 tensor(s) have no place in this model and adapter: base_model.model.transformer.ln_f.weight")
  }

  @Test(arguments: [PEFTType.poly, .cPoly, .moLoRA, .moDE]) func aRouterWithNaNIsRefused(type: PEFTType) throws {
    let found = try text(routed(type)) { tensors in
      tensors[tensors.firstIndex { $0.name.contains("router") }!].values[1] = .nan
    }
    #expect(found.hasPrefix("FILE: tensor \(module).") && found.hasSuffix(" holds NaN or infinite numbers"))
    #expect(found.contains("router"))
  }
}

/// A configuration of a routed method on c_attn, with a number of its own for each option.
func routed(_ type: PEFTType, _ change: (inout AdapterConfiguration) -> Void = { _ in }) -> AdapterConfiguration {
  var configuration = AdapterConfiguration(peftType: type)
  configuration.targetModules = .endings(["c_attn"])
  (configuration.adapterRank, configuration.loraAlpha) = (2, 5)
  (configuration.taskCount, configuration.skillCount, configuration.expertCount) = (3, 4, 5)
  (configuration.commonSkillCount, configuration.taskSkillCount) = (2, 1)
  change(&configuration)
  return configuration
}
