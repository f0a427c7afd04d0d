import Testing

@testable import Adapters

/// What cannot be combined, and the line that says so.
struct ArithmeticRefusalTests {
  private func text(
    _ operation: ArithmeticOperator, _ adapters: [SavedAdapter], _ weights: [Double],
    options: (inout ArithmeticOptions) -> Void = { _ in }
  ) -> String {
    do {
      _ = try compose(operation, adapters, weights, options: options)
      return "no error"
    } catch { return "\(error)" }
  }

  private let one = Result { try RandomAdapter.lora(1) }

  @Test func adaptersOfDifferentKinds() throws {
    let lora = try one.get()
    #expect(
      text(.add, [lora, try RandomAdapter.ia3(1)], [1, 1])
        == "adapters of different types cannot be combined: a has LORA, b has IA3; choose adapters of one peft_type")
    #expect(
      text(.svd, [try RandomAdapter.ia3(1), try RandomAdapter.ia3(2)], [1, 1])
        == "a is an (IA)^3 adapter of vectors, which operator svd does not know; use add, negate, analogy or linear")
    #expect(
      text(.add, [lora, try RandomAdapter.lora(2) { $0.useDoRA = true }], [1, 1])
        == "b is a DoRA adapter, whose update depends on the base model's weights and is no low-rank product: it "
        + "cannot be combined; train without use_dora")
  }

  @Test func differentModels() throws {
    let first = try RandomAdapter.lora(1) { $0.baseModel = "models/a/" }
    let same = try RandomAdapter.lora(2) { $0.baseModel = "models/a" }
    let other = try RandomAdapter.lora(2) { $0.baseModel = "models/b" }
    #expect(text(.add, [first, same], [1, 1]) == "no error")
    #expect(text(.add, [first, try one.get()], [1, 1]) == "no error")
    #expect(
      text(.add, [first, other], [1, 1])
        == "the adapters belong to different base models: a has models/a, b has models/b; if they are one model under "
        + "two names, say so with --base-model NAME")
    #expect(
      text(.add, [try one.get(), first, other], [1, 1, 1])
        == "the adapters belong to different base models: b has models/a, c has models/b; if they are one model under "
        + "two names, say so with --base-model NAME")
    let result = try compose(.add, [first, other], [1, 1]) { $0.baseModel = "models/a" }.result
    #expect(result.configuration.baseModel == "models/a")
  }

  @Test func differentMapsAndShapes() throws {
    let adapter = try one.get()
    let fewer = try SavedAdapter(
      adapter.configuration, storesInputsFirst: false,
      tensors: adapter.tensors.filter { !$0.name.contains("layers.1") }, file: "")
    let sentence = "only adapters of the same maps can be combined"
    #expect(
      text(.add, [adapter, fewer], [1, 1])
        == "the adapters have different target modules: b lacks 1 that a has, such as model.layers.1.v_proj; "
        + sentence)
    #expect(text(.add, [fewer, adapter], [1, 1]).contains("a lacks 1 that b has"))
    #expect(
      text(.linear, [adapter, try RandomAdapter.lora(2, rank: 2)], [1, 1])
        == "operator linear needs equal ranks: at model.layers.0.q_proj a has r = 3, b has r = 2; use --operator cat "
        + "(exact) or svd")
    #expect(
      text(.add, [try RandomAdapter.ia3(1), try RandomAdapter.ia3(1, width: 4)], [1, 1])
        == "the adapters belong to models of different widths: at model.layers.0.q_proj a has a vector [5, 1], b has a "
        + "vector [4, 1]")
    var tensors = try RandomAdapter.ia3(1).tensors.filter { !$0.name.contains("q_proj") }
    tensors.append(RandomAdapter.tensor(1, AdapterPlan.name("model.layers.0.q_proj", "ia3_l"), [1, 7]))
    let other = try SavedAdapter(
      RandomAdapter.ia3(1).configuration, storesInputsFirst: false, tensors: tensors, file: "other")
    #expect(
      text(.add, [try RandomAdapter.ia3(1), other], [0.5, 0.5])
        == "the adapters differ in feedforward_modules: a has the outputs of model.layers.0.q_proj scaled, b has the "
        + "inputs of model.layers.0.q_proj scaled; only adapters that agree in it can be combined")
  }

  @Test func routedAdapters() throws {
    let mixture = try RandomAdapter.moLoRA(1)
    #expect(
      text(.cat, [mixture, mixture], [1, 1])
        == "a is routed by token (MOLORA), so that no single product stands for it: operator cat does not apply; add "
        + "and linear combine such adapters element by element")
    #expect(
      text(.add, [mixture, mixture], [1, -1])
        == "b is routed by token (MOLORA): a weight below 0 on all of its tensors would not negate it; use weights "
        + "above 0")
    #expect(
      text(.add, [mixture, try RandomAdapter.moLoRA(2, alpha: 3)], [1, 1])
        == "the adapters differ in lora_alpha: a has 2, b has 3; only adapters that agree in it can be combined")
    #expect(
      text(.linear, [mixture, mixture], [1, 0.5])
        == "the weights of token-routed adapters (MOLORA) must sum to 1, not to 1.5: they also scale the routers, so "
        + "that another sum would not scale the update")
    var configuration = AdapterConfiguration(peftType: .taskLoRA)
    configuration.taskCount = 2
    let tensor = RandomAdapter.tensor(1, AdapterPlan.name("q_proj", TaskLoRA.suffixes[0]), [2, 3])
    let routed = try SavedAdapter(configuration, storesInputsFirst: false, tensors: [tensor], file: "")
    #expect(
      text(.negate, [routed], [1])
        == "a is routed by task (TASK_LORA), so that it is a different LoRA for each task: write one task with `polyad "
        + "export` and combine that")
  }

  @Test func wrongRequests() throws {
    let a = try one.get()
    #expect(
      text(.add, [a, a], [1])
        == "operator add needs 2 weight(s) here, not 1: give --weights one an adapter, such as 0.5,0.5")
    #expect(text(.negate, [a], [1, 2]).hasSuffix("give --weights λ, such as 0.7"))
    #expect(
      text(.analogy, [a, a], [1, 2])
        == "operator analogy takes 3 adapter(s) (a, b and c of c0 a + c1 (b - c)), not 2: give --adapter 3 time(s)")
    #expect(text(.analogy, [a, a, a], [1]).hasSuffix("give --weights c0,c1, such as 0.8,0.2"))
    #expect(
      text(.ties, [a, a], [1, 1])
        == "operator ties needs --density, the share of the entries that stay, such as 0.5")
    #expect(
      text(.ties, [a, a], [1, 1]) { $0.density = 0 } == "--density must be above 0 and at most 1, not 0.0")
    #expect(text(.svd, [a, a], [1, 1]) { $0.rank = 0 } == "--rank must be from 1 to 65536, not 0")
    #expect(
      text(.linear, [a, a], [1, 1]) { $0.density = 0.5 }
        == "--density is for ties, magnitude_prune, dare_linear, dare_ties alone, not for linear: leave it out")
    #expect(
      text(.cat, [a, a], [1, 1]) { $0.rank = 2 } == "--rank is for svd alone, not for cat: leave it out")
    for operation in [ArithmeticOperator.add, .negate, .analogy] {
      let count = operation == .analogy ? 3 : 1
      #expect(
        text(operation, Array(repeating: a, count: count), Array(repeating: 1, count: min(count, 2))) {
          $0.isPEFTCompatible = true
        } == "--peft-compatible is for linear, cat, svd, ties, magnitude_prune, dare_linear, dare_ties alone, not for "
          + "\(operation.rawValue): leave it out")
    }
    #expect(text(.svd, [a, a], [1, 1]) { $0.seed = 2 }.hasPrefix("--seed is for dare_linear, dare_ties alone"))
    #expect(text(.svd, [a, a], [1, 1]) { $0.majority = .total }.hasPrefix("--majority is for ties, dare_ties alone"))
    #expect(
      text(.add, [a, a], [1e60, 1])
        == "at \(try #require(a.tensors.first { $0.name.contains("layers.0") && $0.name.contains("A") }).name) the "
        + "result is too large for 32-bit floats; use smaller weights")
  }
}
