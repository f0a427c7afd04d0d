import Adapters
import Foundation
import ModelTestSupport
import Tensors
import Testing

/// What is true of every method alike.
struct EveryMethodTests {
  /// Methods in the forms that differ in their code.
  enum Form: String, CaseIterable, Codable {
    case lora, ia3, taskLoRA, moLoRA, moLoRASD, moDE, moDEInBlocks, poly, mhr, cPoly, cPolyShared

    var configuration: AdapterConfiguration {
      switch self {
      case .lora: AdaptersTests.lora(everyMap)
      case .ia3: AdaptersTests.ia3(everyMap, feedforward: ["mlp.c_proj"])
      case .taskLoRA: adapter(.taskLoRA, everyMap)
      case .moLoRA: adapter(.moLoRA, everyMap)
      case .moLoRASD: adapter(.moLoRASD, everyMap)
      case .moDE: adapter(.moDE, everyMap)
      case .moDEInBlocks: adapter(.moDE, everyMap) { ($0.adapterRank, $0.routerBlock) = (4, 2) }
      case .poly: adapter(.poly, everyMap)
      case .mhr: adapter(.poly, everyMap) { $0.splitCount = 2 }
      case .cPoly: adapter(.cPoly, everyMap)
      case .cPolyShared: adapter(.cPoly, everyMap) { $0.exclusiveSkills = false }
      }
    }
  }

  private func dora() -> AdapterConfiguration { lora(everyMap) { $0.useDoRA = true } }

  private func scattered(_ configuration: AdapterConfiguration) throws -> AdapterModel {
    let model = try AdapterModel(small: configuration)
    model.scatterValues()
    return model
  }

  @Test(arguments: Form.allCases) func aFreshAdapterIsTheBareModel(form: Form) throws {
    let bare = AdapterModel(bare: TestModel.random()).logits(severalTasks)
    #expect(try AdapterModel(small: form.configuration).logits(severalTasks) == bare)
  }

  @Test(arguments: Form.allCases.filter { $0 != .ia3 }) func allZeroBIsTheBareModel(form: Form) throws {
    let bare = AdapterModel(bare: TestModel.random()).logits(severalTasks)
    let model = try scattered(form.configuration)
    #expect(relativeDistance(model.logits(severalTasks), bare) > 0.01)
    for entry in model.parameters.entries where entry.role == .upProjection {
      model.parameters.values(entry.name).update(repeating: 0)
    }
    #expect(model.logits(severalTasks) == bare)
  }

  /// Products of other heights round differently: single precision's 6e-8 grows to about 1e-6 through the model.
  @Test(arguments: Form.allCases) func eachSequenceOfABatchGetsWhatItGetsAlone(form: Form) throws {
    let model = try scattered(form.configuration)
    try expectAlone(model)
  }

  @Test func eachSequenceOfABatchGetsWhatItGetsAloneWithDoRA() throws { try expectAlone(scattered(dora())) }

  private func expectAlone(_ model: AdapterModel) throws {
    let alone = severalTasks.map { [$0] }
    #expect(relativeDistance(alone.flatMap(model.logits), model.logits(severalTasks)) < 1e-5)
    var sum = [Float](repeating: 0, count: model.parameters.count)
    for sequences in alone {
      for (index, slope) in model.differentiate(sequences).enumerated() { sum[index] += slope }
    }
    #expect(relativeDistance(sum, model.differentiate(severalTasks)) < 1e-5)
    // Neither the order nor neighbours of the same task matter.
    let sorted = severalTasks.sorted { $0.task < $1.task }
    #expect(relativeDistance(sorted.flatMap { model.logits([$0]) }, model.logits(sorted)) < 1e-5)
  }

  @Test(arguments: [Form.poly, .mhr, .cPoly]) func evaluationHasNoNoise(form: Form) throws {
    let noisy = try scattered(form.configuration)
    var quiet = form.configuration
    quiet.routerNoise = .off
    let still = try scattered(quiet)
    #expect(noisy.logits(severalTasks) == still.logits(severalTasks))
    // Training has it: by seed, and by the sequence's running number.
    func gradient(_ model: AdapterModel, seed: UInt64 = 0, later: UInt64 = 0) -> [Float] {
      var sequences = severalTasks
      for index in sequences.indices { sequences[index].ordinal += later }
      return model.differentiate(sequences, seed: seed)
    }
    let first = gradient(noisy)
    #expect(gradient(noisy) == first)
    #expect(relativeDistance(gradient(noisy, seed: 1), first) > 0.01)
    #expect(relativeDistance(gradient(noisy, later: 100), first) > 0.01)
    #expect(relativeDistance(gradient(still), first) > 0.01)
    #expect(gradient(still, seed: 1) == gradient(still, later: 100))
  }

  @Test func aTemperatureSharpensTheNoise() throws {
    var configuration = Form.poly.configuration
    let usual = try scattered(configuration)
    configuration.routerNoise = RouterNoise(temperature: 0.2)
    let sharp = try scattered(configuration)
    #expect(usual.logits(severalTasks) == sharp.logits(severalTasks))
    #expect(relativeDistance(sharp.differentiate(severalTasks), usual.differentiate(severalTasks)) > 0.01)
  }
}
