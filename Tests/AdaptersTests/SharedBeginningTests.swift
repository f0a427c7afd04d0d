import Backbones
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing
import Training

@testable import Adapters

/// What several sequences begin with is computed once, and changes neither losses nor gradients.
struct SharedBeginningTests {
  typealias Form = EveryMethodTests.Form

  /// Decoders of each kind.
  enum Family: String, CaseIterable, Sendable {
    /// Learnt positions.
    case gpt2
    /// Rotary positions, grouped queries.
    case llama
    /// Norms of heads.
    case qwen3
    /// Biases before attention.
    case qwen2
    /// Windows shorter than the beginnings.
    case mistral
    /// Scaled embeddings.
    case gemma
    /// Capped scores and logits, windows in turn, norms behind the parts.
    case gemma2

    var decoder: DecoderConfiguration {
      var shape = DecoderConfiguration(
        family: rawValue, vocabularySize: 13, positionCount: 16, width: 10, layerCount: 3, headCount: 6,
        keyHeadCount: 2, headWidth: 4, innerWidth: 14)
      switch self {
      case .gpt2, .llama: break
      case .qwen3: shape.normalizesHeads = true
      case .qwen2: shape.hasInputBiases = true
      case .mistral: shape.windows = [4, 4, 4]
      case .gemma: (shape.normOffset, shape.embeddingScale) = (1, 3)
      case .gemma2:
        (shape.normOffset, shape.normalizesOutputs, shape.scoreCap, shape.logitCap) = (1, true, 2, 3)
        shape.windows = [5, nil, 3]
      }
      return shape
    }

    var everyMap: [String] {
      self == .gpt2
        ? AdaptersTests.everyMap : ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    }

    /// The decoder's numbers; norms that have an offset are around it, not around twice as much, which would make
    /// gradients several times as sensitive to the last place.
    var arrays: [String: [Float]] {
      let arrays = TestModel.arrays(decoder), offset = decoder.normOffset
      return Dictionary(
        uniqueKeysWithValues: arrays.map { name, values in
          (name, name.contains("norm") ? values.map { $0 - offset } : values)
        })
    }

    func model(_ configuration: AdapterConfiguration) throws -> AdapterModel {
      let backbone = self == .gpt2 ? TestModel.random() : TestModel.backbone(decoder, arrays)
      let model = try AdapterModel(configuration, backbone: backbone, seed: 3)
      model.scatterValues()
      return model
    }
  }

  /// Losses by task and the gradient.
  private func results(
    _ model: AdapterModel, _ batch: PackedBatch, isCheckpointed: Bool = false
  ) -> (losses: [Double], gradient: [Float]) {
    var sums = LossSums(accountCount: 4)
    model.parameters.zeroGradients()
    Objective(model, isCheckpointed: isCheckpointed).addGradient(of: batch, randomKey: RandomKey(seed: 7), to: &sums)
    return (sums.losses, Array(model.parameters.gradients))
  }

  /// Losses and gradients agree but for rounding: products of other heights add in another order. Where that alone
  /// moves the plain computation's gradient by more than 1e-5, as between sequences together and each alone, so much
  /// more is allowed.
  private func expectSame(_ model: AdapterModel, _ sequences: [TestSequence]) {
    let plain = PackedBatch(sequences), shared = PackedBatch(sharing: sequences)
    #expect(shared.tokenCount < plain.tokenCount && shared.exampleTokenCount == plain.tokenCount)
    #expect(shared.labels == plain.labels && shared.labelRows.positions == plain.labelRows.positions)
    let expected = results(model, plain), found = results(model, shared)
    for (loss, own) in zip(found.losses, expected.losses) { #expect(abs(loss - own) <= 1e-5 * own) }
    var alone = [Float](repeating: 0, count: expected.gradient.count)
    for sequence in sequences {
      for (index, slope) in results(model, PackedBatch([sequence])).gradient.enumerated() { alone[index] += slope }
    }
    let rounding = relativeDistance(alone, expected.gradient)
    #expect(rounding < 1e-5 && relativeDistance(found.gradient, expected.gradient) < max(1e-5, 3 * rounding))
    #expect(expected.gradient.contains { $0 != 0 })
    let again = results(model, shared, isCheckpointed: true)
    #expect(again.losses == found.losses && again.gradient == found.gradient)
    for count in threadCounts.dropFirst() {
      let threaded = withThreads(count) { results(model, shared) }
      #expect(threaded.losses == found.losses && threaded.gradient == found.gradient)
    }
  }

  @Test(arguments: Family.allCases, [UInt64](1...4)) func everyFamilyAgrees(family: Family, seed: UInt64) throws {
    let maps = family.everyMap
    for configuration in [lora(maps), adapter(.moDE, maps), adapter(.cPoly, maps) { $0.routerNoise = .off }] {
      expectSame(try family.model(configuration), TestSequence.alike(seed: seed))
    }
  }

  @Test(arguments: Form.allCases + [nil]) func everyMethodAgrees(form: Form?) throws {
    var configuration = ActivationTests.configuration(of: form)
    configuration.routerNoise = .off
    expectSame(try Family.gpt2.model(configuration), TestSequence.alike(seed: 5))
  }

  @Test func everyArrayOfTheModelAgrees() throws {
    expectSame(try Family.gpt2.model(AdapterConfiguration(peftType: .full)), TestSequence.alike(seed: 6))
    expectSame(try Family.gemma2.model(AdapterConfiguration(peftType: .full)), TestSequence.alike(seed: 7))
  }

  /// One draw a group: where all draw alike anyhow, sharing changes nothing.
  @Test(arguments: [Form.poly, .mhr, .cPoly]) func noiseIsDrawnOnceForAGroup(form: Form) throws {
    let model = try Family.gpt2.model(form.configuration)
    var sequences = TestSequence.alike(seed: 8)
    for index in sequences.indices { sequences[index].ordinal = UInt64(sequences[index].task) }
    expectSame(model, sequences)
    // Else it does, by far more than rounding, and the first of a group says how.
    let own = TestSequence.alike(seed: 8)
    let plain = results(model, PackedBatch(own)), shared = results(model, PackedBatch(sharing: own))
    #expect(relativeDistance(shared.gradient, plain.gradient) > 1e-3)
  }

  /// A shared row draws its mask once, by the first that shares it; it is not the mask of that one's own rows.
  @Test func dropoutIsDrawnOnceForASharedRow() throws {
    let model = try Family.gpt2.model(lora(everyMap) { $0.loraDropout = 0.5 })
    let sequences = TestSequence.alike(seed: 9), shared = PackedBatch(sharing: sequences)
    let drawn = results(model, shared)
    #expect(results(model, shared).gradient == drawn.gradient)
    let ordinals = shared.rows.segments.map(\.ordinal)
    #expect(Set(ordinals).count == ordinals.count)
    // The ordinals of all that predict something from rows of their own draw something.
    let ends = shared.rows.segments.indices.filter { place in
      let segment = shared.rows.segments[place], rows = shared.rows.range(of: place)
      let read = shared.labelIndices[shared.labels(of: segment.example)]
      return segment.exampleCount == 1 && read.contains { rows.contains(Int($0)) }
    }.map { shared.rows.segments[$0].example }
    #expect(ends.count > 2)
    for place in ends {
      var others = sequences
      others[place].ordinal += 1000
      #expect(relativeDistance(results(model, PackedBatch(sharing: others)).gradient, drawn.gradient) > 1e-3)
    }
    // The model is another where nothing is dropped.
    let still = try Family.gpt2.model(lora(everyMap))
    #expect(relativeDistance(results(still, shared).gradient, drawn.gradient) > 1e-2)
  }

  /// Tokens that several share count once for each: the routers' own losses.
  @Test func routersLossesAgree() throws {
    let model = try Family.gpt2.model(adapter(.moDE, everyMap) { $0.loraDropout = 0 })
    let sequences = TestSequence.alike(seed: 10), losses = RouterLosses(balance: 0.5, z: 0.3)
    func run(_ batch: PackedBatch) -> (balance: Double, counts: [Double], gradient: [Float]) {
      model.startCountingRouting()
      Objective(model).countRouting(of: batch, randomKey: RandomKey(seed: 7))
      let counts = model.takeRoutingCounts()
      let balance = model.setRouterLosses(losses, counts: counts, labelCount: Double(batch.labelCount))
      return (balance, counts, results(model, batch).gradient)
    }
    let plain = run(PackedBatch(sequences)), shared = run(PackedBatch(sharing: sequences))
    for (own, count) in zip(plain.counts, shared.counts) { #expect(abs(own - count) <= 1e-5 * own) }
    #expect(abs(plain.balance - shared.balance) < 1e-5 * plain.balance)
    #expect(relativeDistance(shared.gradient, plain.gradient) < 1e-5)
  }

  /// Against double precision: fewer roundings, so no farther off than the plain computation, but for luck.
  @Test(arguments: [UInt64](11...13)) func doublePrecisionIsAsNear(seed: UInt64) throws {
    let shape = Family.gemma2.decoder, arrays = Family.gemma2.arrays
    let model = try AdapterModel(
      lora(["q_proj", "v_proj", "down_proj"]), backbone: TestModel.backbone(shape, arrays), seed: 3)
    model.scatterValues()
    var reference = ReferenceDecoder(shape, arrays)
    model.addValues(to: &reference)
    reference.adapter = loraRule(scale: { _ in 5.0 / 3 })
    let sequences = TestSequence.alike(seed: seed), exact = reference.loss(sequences)
    let slopes = model.parameters.entries.flatMap { entry in
      (0..<entry.range.count).map { Float(reference.slope(entry.name, $0, sequences)) }
    }
    func errors(_ batch: PackedBatch) -> (loss: Double, gradient: Double) {
      let found = results(model, batch)
      return (abs(found.losses.reduce(0, +) - exact), relativeDistance(found.gradient, slopes))
    }
    let plain = errors(PackedBatch(sequences)), shared = errors(PackedBatch(sharing: sequences))
    // Central differences are off by about 1e-8 themselves, a loss of single precision's rows by 1e-7.
    #expect(shared.gradient <= 1.5 * plain.gradient + 1e-7)
    #expect(shared.loss <= 1.5 * plain.loss + 1e-6 * exact)
  }
}
