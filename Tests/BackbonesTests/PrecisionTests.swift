import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing
import Training

/// Models whose matrices are held in bf16.
struct PrecisionTests {
  static let families = ["gpt2", "llama", "gemma", "t5", "flan-t5", "bert", "roberta"]

  /// Roundings of 2⁻⁹, of weights and operands, through a few layers.
  @Test(arguments: families) func logitsStayNearThoseOfFP32(family: String) throws {
    let fixture = try Fixture(family)
    let distances = zip(try fixture.logits(precision: .bf16), try fixture.logits(precision: .fp32)).map {
      relativeDistance($0, $1)
    }
    #expect(distances.allSatisfy { $0 > 1e-5 && $0 < 2e-2 }, "\(distances)")
  }

  /// Sums in fp32 of some hundred products that are exact in it: a few roundings of 6e-8.
  @Test(arguments: families) func productsAreThoseOfTheRoundedOperands(family: String) throws {
    let fixture = try Fixture(family), model = AdapterModel(bare: try fixture.backbone(precision: .bf16))
    let watches = model.backbone.linears.map { map in
      let watch = ProductWatch()
      map.adapter = watch
      return (map.path, watch)
    }
    var sums = LossSums(accountCount: 3)
    Objective(model).addGradient(of: fixture.batch, randomKey: RandomKey(seed: 0), to: &sums)
    #expect(sums.lossSum > 0)
    for (path, watch) in watches {
      #expect(watch.forwardDistance < 1e-6 && watch.backwardDistance < 1e-6, "\(path)")
    }
    // All but the pooler run; the first maps have no gradient to give on.
    #expect(watches.count { $0.1.productCount > 1 } > watches.count / 2)
  }

  /// The model of a family on small shapes, and the same in double precision on the numbers as they are held, whose
  /// products round their operands.
  private func pair(
    _ configuration: any BackboneConfiguration, seed: UInt64, _ makeReference: ([String: [Float]]) -> any ReferenceModel
  ) -> (model: AdapterModel, reference: any ReferenceModel) {
    let arrays = TestModel.arrays(configuration, seed: seed)
    let held = configuration.parameterShapes.map { name, shape in
      (name, shape.count > 1 ? arrays[name]!.map(\.inBF16) : arrays[name]!)
    }
    var reference = makeReference(Dictionary(uniqueKeysWithValues: held))
    reference.operand = \.inBF16
    return (AdapterModel(bare: TestModel.backbone(configuration, arrays, precision: .bf16)), reference)
  }

  /// Losses agree to fp32's rounding of sums and functions, 1e-5 through these layers. A number on the edge between two
  /// of bf16's falls to either side with that rounding, which moves a loss by some 1e-4; of a thousand operands about
  /// one in ten thousand is so near an edge, so that most seeds meet none.
  private func expectAgreement(
    _ configuration: any BackboneConfiguration, _ sequences: [TestSequence],
    _ makeReference: ([String: [Float]]) -> any ReferenceModel
  ) {
    let distances = (1...9).map { seed in
      let (model, reference) = pair(configuration, seed: UInt64(seed), makeReference)
      let found = Objective(model).losses(of: PackedBatch(sequences, for: configuration.architecture))
      return zip(found, sequences).map { loss, sequence in
        let expected = reference.loss(of: sequence)
        return abs(loss - expected) / expected
      }.max()!
    }
    #expect(distances.count { $0 < 1e-5 } > 4 && distances.allSatisfy { $0 < 1e-2 }, "\(distances)")
  }

  @Test func gpt2IsTheModelOfTheRoundedNumbers() {
    let shape = TestModel.smallConfiguration
    expectAgreement(shape, TestSequence.ragged()) { ReferenceGPT2(shape, $0) }
  }

  @Test(arguments: [DecoderVariation.plain, .tiedHead, .biases, .gemma2])
  func aDecoderIsTheModelOfTheRoundedNumbers(variation: DecoderVariation) {
    let shape = variation.configuration
    expectAgreement(shape, TestSequence.ragged()) { ReferenceDecoder(shape, $0) }
  }

  @Test(arguments: [T5Variation.relu, .gated, .untied]) func t5IsTheModelOfTheRoundedNumbers(variation: T5Variation) {
    let shape = variation.configuration
    expectAgreement(shape, TestSequence.pairs()) { ReferenceT5(shape, $0) }
  }

  @Test(arguments: [EncoderVariation.bert, .everyHead, .roberta, .robertaMasked])
  func anEncoderIsTheModelOfTheRoundedNumbers(variation: EncoderVariation) {
    let shape = variation.configuration
    expectAgreement(shape, variation.sequences) { ReferenceEncoder(shape, $0) }
  }

  @Test func whatTrainsMovesToFP32AndStartsFromTheHeldNumbers() throws {
    let shape = TestModel.smallConfiguration, arrays = TestModel.arrays(shape)
    let backbone = TestModel.backbone(shape, arrays, precision: .bf16)
    for parameter in backbone.parameters { #expect(parameter.matrix.isBF16 == (parameter.shape.count > 1)) }
    var configuration = AdapterConfiguration(peftType: .lora)
    configuration.modulesToSave = ["wpe", "ln_f", "lm_head"]
    let model = try AdapterModel(configuration, backbone: backbone, seed: 0)
    for parameter in backbone.parameters {
      let isTrained = ["wpe.weight", "ln_f.weight", "ln_f.bias", "lm_head.weight"].contains {
        parameter.name.hasSuffix($0)
      }
      #expect(parameter.isTrained == isTrained && (!isTrained || !parameter.matrix.isBF16))
      let start = try #require(arrays[parameter.origin])
      #expect(parameter.matrix.array() == (parameter.shape.count > 1 ? start.map(\.inBF16) : start))
    }
    #expect(model.parameters.entries.contains { $0.name.contains("lm_head") })
    // The embedding that the head shared its numbers with stays where it was.
    let embedding = try #require(backbone.parameters.first { $0.name == "transformer.wte.weight" })
    #expect(embedding.matrix.isBF16 && backbone.parameters.last?.origin == embedding.name)
  }
}
