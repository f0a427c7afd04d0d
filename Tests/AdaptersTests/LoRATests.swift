import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

struct LoRATests {
  @Test(arguments: everyMap + ["c_proj"]) func backwardAgreesWithCentralDifferences(ending: String) throws {
    let pair = try AdaptedPair(lora([ending]), rule: loraRule { _ in 5.0 / 3 })
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func backwardAgreesOnEveryLinearMapAtOnce() throws {
    var configuration = lora()
    configuration.targetModules = .expression("all-linear")
    let pair = try AdaptedPair(configuration, rule: loraRule { _ in 5.0 / 3 })
    #expect(pair.model.parameters.entries.count == 2 * 8)
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged(), sampleCount: 3)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func backwardAgreesWithDropoutFixed() throws {
    let sequences = TestSequence.ragged(), randomKey = RandomKey(seed: 8)
    let configuration = lora(everyMap) { $0.loraDropout = 0.4 }
    let mask = dropoutMask(rate: 0.4, randomKey, sequences)
    let pair = try AdaptedPair(configuration, rule: loraRule(scale: { _ in 5.0 / 3 }, mask: mask))
    let disagreements = slopeDisagreements(
      pair.model, pair.reference, sequences, randomKey: randomKey, sampleCount: 3)
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test(arguments: [false, true]) func patternsSetRankAndAlphaOfTheirModules(usesRSLoRA: Bool) throws {
    let configuration = lora(["c_attn", "c_fc"]) {
      $0.useRSLoRA = usesRSLoRA
      $0.rankPattern = [.init(pattern: "h.0.attn.c_attn", value: 2), .init(pattern: "h\\.[1-9]\\.mlp\\..*", value: 5)]
      $0.alphaPattern = [.init(pattern: "c_fc", value: 7)]
    }
    let ranks = ["h.0.attn.c_attn": 2.0, "h.1.attn.c_attn": 3, "h.0.mlp.c_fc": 3, "h.1.mlp.c_fc": 5]
    let pair = try AdaptedPair(
      configuration,
      rule: loraRule { path in
        let rank = ranks[String(path.dropFirst("transformer.".count))]!
        return (path.hasSuffix("c_fc") ? 7 : 5) / (usesRSLoRA ? rank.squareRoot() : rank)
      })
    for (path, rank) in ranks {
      let entry = pair.model.parameters.entry(parameterName("transformer." + path, "lora_A.weight"))
      #expect(entry?.shape == [Int(rank), 8])
    }
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func aFreshAdapterIsTheBareModel() throws {
    let batch = PackedBatch(TestSequence.ragged())
    func logits(_ model: AdapterModel) -> [Float] { Objective(model).withLogits(of: batch) { $0.array() } }
    let bare = logits(AdapterModel(bare: TestModel.random()))
    #expect(try logits(AdapterModel(lora(everyMap), backbone: TestModel.random(), seed: 1)) == bare)
    let scaling = ia3(everyMap, feedforward: ["mlp.c_proj"])
    #expect(try logits(AdapterModel(scaling, backbone: TestModel.random(), seed: 1)) == bare)
  }

  @Test func initialValuesDependOnSeedAndNameAlone() throws {
    func model(_ endings: [String], _ seed: UInt64) throws -> AdapterModel {
      try AdapterModel(lora(endings), backbone: TestModel.random(), seed: seed)
    }
    let few = try model(["c_attn"], 1), many = try model(everyMap, 1), other = try model(["c_attn"], 2)
    let names = (0..<2).map { parameterName("transformer.h.\($0).attn.c_attn", "lora_A.weight") }
    for name in names {
      #expect(Array(few.parameters.values(name)) == Array(many.parameters.values(name)))
      #expect(Array(few.parameters.values(name)) != Array(other.parameters.values(name)))
      // Kaiming-uniform with a = √5: ±1/√inputs.
      #expect(few.parameters.values(name).allSatisfy { abs($0) <= 1 / Float(8).squareRoot() })
      #expect(few.parameters.values(name).contains { abs($0) > 0.2 })
    }
    #expect(Array(few.parameters.values(names[0])) != Array(few.parameters.values(names[1])))
    let b = few.parameters.values(parameterName("transformer.h.0.attn.c_attn", "lora_B.weight"))
    #expect(b.allSatisfy { $0 == 0 })
  }
}
