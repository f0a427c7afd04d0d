import Adapters
import ModelTestSupport
import Tensors
import Testing

/// How each method's parameters start.
struct InitialValueTests {
  /// What a parameter's numbers are drawn from, and its shape at a map from 64 inputs to 192 outputs.
  struct Start: Sendable {
    enum Law: Sendable {
      case zeros
      case uniform(bound: Double)
      case normal(Double)
      case exactly([Float])
    }

    let suffix: String
    let shape: [Int]
    let law: Law
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let configuration: AdapterConfiguration
    let starts: [Start]

    var testDescription: String { name }
  }

  /// Rank 8, four tasks, three experts or skills.
  private static func wide(_ type: PEFTType, _ change: (inout AdapterConfiguration) -> Void = { _ in })
    -> AdapterConfiguration
  {
    adapter(type) {
      $0.adapterRank = 8
      change(&$0)
    }
  }

  private static let kaiming = Start.Law.uniform(bound: 0.125)  // 1 / √64
  private static let logits = Start.Law.uniform(bound: 1e-3)

  static let cases = [
    Case(
      name: "TASK_LORA", configuration: wide(.taskLoRA),
      starts: [
        Start(suffix: "lora_A", shape: [4, 8, 64], law: kaiming),
        Start(suffix: "lora_B", shape: [4, 192, 8], law: .zeros),
      ]),
    Case(
      name: "MOLORA", configuration: wide(.moLoRA),
      starts: [
        Start(suffix: "lora_A", shape: [3, 8, 64], law: .normal(0.02)),
        Start(suffix: "router", shape: [3, 64], law: .normal(0.02)),
        Start(suffix: "lora_B", shape: [3, 192, 8], law: .zeros),
      ]),
    Case(
      name: "MOLORA_SD", configuration: wide(.moLoRASD),
      starts: [
        Start(suffix: "lora_A", shape: [8, 64], law: .normal(0.01)),
        Start(suffix: "router", shape: [3, 64], law: .normal(0.02)),
        Start(suffix: "lora_B", shape: [3, 192, 8], law: .zeros),
      ]),
    Case(
      name: "MODE", configuration: wide(.moDE) { $0.routerBlock = 2 },
      starts: [
        Start(suffix: "lora_A", shape: [8, 64], law: .normal(0.01)),
        Start(suffix: "router", shape: [4, 3, 64], law: .normal(0.02)),
        Start(suffix: "lora_B", shape: [3, 192, 8], law: .zeros),
      ]),
    Case(
      name: "POLY", configuration: wide(.poly) { $0.taskCount = 200 },
      starts: [
        Start(suffix: "poly_lora_A", shape: [1, 3, 64, 8], law: kaiming),
        Start(suffix: "poly_lora_B", shape: [1, 3, 8, 192], law: .zeros),
        Start(suffix: "poly_router.module_logits", shape: [200, 3], law: logits),
      ]),
    Case(
      name: "MHR", configuration: wide(.poly) { ($0.taskCount, $0.splitCount) = (200, 4) },
      starts: [
        Start(suffix: "poly_lora_A", shape: [4, 3, 16, 8], law: .uniform(bound: 0.25)),  // 1 / √16, a split's inputs
        Start(suffix: "poly_lora_B", shape: [4, 3, 8, 48], law: .zeros),
        Start(suffix: "poly_router.module_logits", shape: [200, 12], law: logits),
      ]),
    Case(
      name: "C_POLY", configuration: wide(.cPoly) { ($0.taskCount, $0.taskSkillCount) = (200, 2) },
      starts: [
        Start(suffix: "lora_A", shape: [403, 8, 64], law: kaiming),
        Start(suffix: "lora_B", shape: [403, 192, 8], law: .zeros),
        Start(suffix: "router_common", shape: [200, 3], law: logits),
        Start(suffix: "router_specific", shape: [200, 2], law: .exactly(Array(repeating: 1, count: 400))),
      ]),
    Case(
      name: "C_POLY not exclusive", configuration: wide(.cPoly) { ($0.taskCount, $0.exclusiveSkills) = (3, false) },
      starts: [
        Start(suffix: "lora_A", shape: [6, 8, 64], law: kaiming),
        Start(suffix: "lora_B", shape: [6, 192, 8], law: .zeros),
        Start(suffix: "router_common", shape: [3, 3], law: logits),
        Start(suffix: "router_specific", shape: [3, 3], law: .exactly([1, 0, 0, 0, 1, 0, 0, 0, 1])),
      ]),
  ]

  private func model(_ configuration: AdapterConfiguration, seed: UInt64 = 3) throws -> AdapterModel {
    var shape = TestModel.smallConfiguration
    (shape.width, shape.innerWidth) = (64, 96)
    return try AdapterModel(configuration, backbone: TestModel.random(shape), seed: seed)
  }

  @Test(arguments: cases) func theyFollowTheMethodsLaws(given: Case) throws {
    let model = try model(given.configuration)
    #expect(model.parameters.entries.count == 2 * given.starts.count)
    for start in given.starts {
      let name = parameterName("transformer.h.1.attn.c_attn", start.suffix)
      let entry = try #require(model.parameters.entry(name))
      #expect(entry.shape == start.shape, "\(name)")
      expectLaw(start.law, model.numbers(name), name)
    }
  }

  /// Moments of n draws stray by 1/√n of the law's deviation, and the variance by √(2/n): five times that is allowed.
  private func expectLaw(_ law: Start.Law, _ values: [Float], _ name: String) {
    let count = Double(values.count)
    func expectMoments(_ deviation: Double) {
      let mean = values.reduce(0) { $0 + Double($1) } / count
      let variance = values.reduce(0) { $0 + Double($1) * Double($1) } / count
      #expect(abs(mean) < 5 * deviation / count.squareRoot(), "\(name): mean \(mean)")
      let ratio = variance / (deviation * deviation)
      #expect(abs(ratio - 1) < 5 * (2 / count).squareRoot(), "\(name): variance ratio \(ratio)")
    }
    switch law {
    case .zeros: #expect(values.allSatisfy { $0 == 0 }, "\(name)")
    case .exactly(let expected): #expect(values == expected, "\(name)")
    case .uniform(let bound):
      #expect(values.allSatisfy { abs(Double($0)) <= bound * (1 + 1e-6) }, "\(name)")
      expectMoments(bound / 3.0.squareRoot())
    case .normal(let deviation):
      #expect(values.contains { abs(Double($0)) > 2 * deviation }, "\(name)")
      expectMoments(deviation)
    }
  }

  @Test(arguments: cases) func theyDependOnSeedAndNameAlone(given: Case) throws {
    var everywhere = given.configuration
    everywhere.targetModules = .endings(everyMap)
    let few = try model(given.configuration), many = try model(everywhere)
    let other = try model(given.configuration, seed: 4)
    for entry in few.parameters.entries {
      let values = few.numbers(entry.name)
      #expect(values == many.numbers(entry.name), "\(entry.name)")
      let isDrawn = Set(values).count > 2
      #expect(isDrawn == (other.numbers(entry.name) != values), "\(entry.name)")
      let twin = entry.name.replacing("h.0.", with: "h.1.")
      #expect(twin == entry.name || isDrawn == (few.numbers(twin) != values), "\(entry.name)")
    }
  }

  /// A skill more leaves the numbers of those before it: what is drawn fills a parameter from its start.
  @Test func aSkillMoreKeepsThoseBefore() throws {
    let three = try model(Self.wide(.taskLoRA)), four = try model(Self.wide(.taskLoRA) { $0.taskCount = 5 })
    let name = parameterName("transformer.h.0.attn.c_attn", "lora_A")
    let before = three.numbers(name)
    #expect(Array(four.numbers(name).prefix(before.count)) == before)
  }
}
