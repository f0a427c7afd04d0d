import Adapters
import Backbones
import Checkpoints
import ModelTestSupport
import TestSupport
import Testing
import Training

/// Modules trained whole beside an adapter.
struct ModulesToSaveTests {
  /// What is saved, and the names of its parameters in PEFT's file.
  static let cases: [([String], [String])] = [
    (["ln_f"], ["transformer.ln_f.weight", "transformer.ln_f.bias"]),
    (["lm_head"], ["lm_head.weight"]),
    (["wte"], ["transformer.wte.weight"]),
    (["wpe", "ln_f"], ["transformer.wpe.weight", "transformer.ln_f.weight", "transformer.ln_f.bias"]),
    (["wte", "lm_head"], ["transformer.wte.weight", "lm_head.weight"]),
    (["h.1.ln_2"], ["transformer.h.1.ln_2.weight", "transformer.h.1.ln_2.bias"]),
  ]

  private func pair(_ modules: [String], tiesEmbeddings: Bool = true) throws -> AdaptedPair {
    let configuration = lora { $0.modulesToSave = modules }
    var pair = try AdaptedPair(configuration, tiesEmbeddings: tiesEmbeddings, rule: loraRule { _ in 5.0 / 3 })
    // A tied projection keeps the frozen embedding when a copy of one of them trains, as in PEFT.
    if tiesEmbeddings, modules.contains("wte") || modules.contains("lm_head") {
      pair.reference.values["lm_head.weight"] = pair.reference.values["transformer.wte.weight"]
    }
    return pair
  }

  @Test(arguments: cases) func theyTrainUnderPEFTsNames(modules: [String], names: [String]) throws {
    let pair = try pair(modules)
    let saved = pair.model.parameters.entries.map(\.name).filter { !$0.contains("lora_") }
    #expect(saved == names.map { "base_model.model." + $0 })
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: [["lm_head"], ["wte"]]) func anUntiedModelTrainsThemToo(modules: [String]) throws {
    let pair = try pair(modules, tiesEmbeddings: false)
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func anEmbeddingTrainedAloneLeavesTheTiedProjectionFrozen() throws {
    let pair = try pair(["wte"])
    let backbone = pair.model.backbone
    let head = try #require(backbone.head)
    #expect(head.weight.name == "lm_head.weight" && !head.weight.isTrained)
    let before = Array(pair.model.parameters.values("base_model.model.transformer.wte.weight"))
    for index in 0..<13 * 8 { pair.model.parameters.values("base_model.model.transformer.wte.weight")[index] += 1 }
    #expect(head.weight.matrix.array() == before)
  }

  @Test(arguments: cases) func theySurviveTheFolder(modules: [String], names: [String]) throws {
    let pair = try pair(modules)
    for name in names { pair.model.parameters.values("base_model.model." + name)[0] = 4.5 }
    try withTemporaryFolder { folder in
      try AdapterFolder.write(pair.model, to: folder)
      let loaded = try AdapterFolder.load(folder, into: TestModel.random())
      #expect(loaded.configuration?.modulesToSave == modules)
      #expect(Array(loaded.parameters.values) == Array(pair.model.parameters.values))
      let batch = PackedBatch(TestSequence.ragged())
      func logits(_ model: AdapterModel) -> [Float] { Objective(model).withLogits(of: batch) { $0.array() } }
      #expect(logits(loaded) == logits(pair.model))
    }
  }

  @Test func aModuleThatIsNotThereIsAnError() {
    let text = errorText { _ = try pair(["score"]) }
    #expect(
      text
        == "modules_to_save: \"score\" is no module of the model, whose modules are named like transformer.wte, "
        + "transformer.wpe, transformer.h.0.ln_1, transformer.h.0.attn.c_attn, …")
  }

  @Test func theTableCountsThemApart() throws {
    let model = try pair(["ln_f"]).model
    #expect(model.matches.map(\.pattern) == ["c_attn", "ln_f (whole)"])
    #expect(model.matches[1].modules == ["transformer.ln_f"])
    #expect(model.matches.map(\.parameterCount) == [2 * (3 * 8 + 24 * 3), 16])
    #expect(model.matches.reduce(0) { $0 + $1.parameterCount } == model.parameters.count)
  }
}
