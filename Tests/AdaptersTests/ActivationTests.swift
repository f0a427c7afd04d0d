import Adapters
import Backbones
import ModelTestSupport
import Tensors
import Testing

/// Adapters keep activations for one backward pass, and only where one follows.
struct ActivationTests {
  typealias Form = EveryMethodTests.Form

  /// What is done wrongly with an adapter.
  enum Fault: String, CaseIterable, Codable {
    /// One forward pass, two backward passes.
    case backwardTwice
    /// A backward pass, and the only forward passes are those of evaluation.
    case evaluationAlone
  }

  /// Drives an adapter with a fault, or, without one, as it should be.
  private final class Driver: LinearAdapter {
    let adapter: any LinearAdapter
    let fault: Fault?

    init(_ adapter: any LinearAdapter, _ fault: Fault?) { (self.adapter, self.fault) = (adapter, fault) }

    var needsInput: Bool { adapter.needsInput }

    func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
      if pass.keepsActivations, fault == .evaluationAlone { return base.applyBase(x, into: y, pass) }
      adapter.forward(x, into: y, base: base, pass)
    }

    func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
      for _ in 0..<(fault == .backwardTwice ? 2 : 1) { adapter.backward(dy, x: x, into: dx, base: base, pass) }
    }
  }

  /// A method's, or DoRA's for nil.
  static func configuration(of form: Form?) -> AdapterConfiguration {
    form?.configuration ?? lora(everyMap) { $0.useDoRA = true }
  }

  /// The gradient of a model behind an evaluation; the first map's adapter is driven by `fault`.
  static func gradient(_ form: Form?, _ fault: Fault?) throws -> [Float] {
    let model = try AdapterModel(small: configuration(of: form))
    model.scatterValues()
    let map = model.backbone.linears[0]
    map.adapter = map.adapter.map { Driver($0, fault) }
    _ = model.logits(severalTasks)
    return model.differentiate(severalTasks)
  }

  @Test(arguments: Form.allCases + [nil]) func anEvaluationBeforeAGradientChangesNothing(form: Form?) throws {
    let model = try AdapterModel(small: Self.configuration(of: form))
    model.scatterValues()
    #expect(try Self.gradient(form, nil) == model.differentiate(severalTasks))
  }

  @Test(arguments: Form.allCases + [nil], Fault.allCases)
  func backwardNeedsAForwardThatKeepsActivations(form: Form?, fault: Fault) async {
    let result = await #expect(processExitsWith: .failure) { [form = form as Form?, fault = fault as Fault] in
      _ = try ActivationTests.gradient(form, fault)
    }
    // A failed precondition ends the process by a signal; a thrown error would not.
    if let result, case .signal = result.exitStatus { return }
    Issue.record("it ended with \(String(describing: result?.exitStatus))")
  }
}
