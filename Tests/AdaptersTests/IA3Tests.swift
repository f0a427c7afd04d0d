import Adapters
import ModelTestSupport
import Testing

struct IA3Tests {
  /// (IA)³'s rule, a row at a time; the vector's shape tells where it sits.
  private static func rule(feedforward: [String]) -> (ReferenceGPT2.Application, [String: [Double]]) -> [Double] {
    { call, values in
      guard let l = values[parameterName(call.path, "ia3_l")] else { return call.base(call.x) }
      if feedforward.contains(where: call.path.hasSuffix) { return call.base(zip(call.x, l).map { $0 * $1 }) }
      return zip(call.base(call.x), l).map { $0 * $1 }
    }
  }

  @Test(
    arguments: [
      (["c_attn"], []), (["c_attn", "mlp.c_proj"], ["mlp.c_proj"]), (["c_fc", "c_proj"], ["c_fc", "attn.c_proj"]),
      (["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"], ["c_attn", "c_fc"]),
    ] as [([String], [String])])
  func backwardAgreesWithCentralDifferences(targets: [String], feedforward: [String]) throws {
    let pair = try AdaptedPair(ia3(targets, feedforward: feedforward), rule: Self.rule(feedforward: feedforward))
    for entry in pair.model.parameters.entries {
      let scalesInput = feedforward.contains { entry.name.contains($0 + ".ia3_l") }
      #expect(scalesInput ? entry.shape[0] == 1 : entry.shape[1] == 1, "\(entry.name)")
    }
    let disagreements = slopeDisagreements(pair.model, pair.reference, TestSequence.ragged())
    #expect(disagreements.isEmpty, "\(disagreements.joined(separator: "\n"))")
  }

  @Test func theDefaultsAreThoseOfPEFT() {
    let defaults = AdapterConfiguration(peftType: .ia3).withDefaults(family: "gpt2")
    #expect(defaults.targetModules == .endings(["c_attn", "mlp.c_proj"]))
    #expect(defaults.feedforwardModules == .endings(["mlp.c_proj"]))
    // Targets of the user's own leave no feed-forward module unless they are named.
    var own = AdapterConfiguration(peftType: .ia3)
    own.targetModules = .endings(["c_attn", "mlp.c_proj"])
    #expect(own.withDefaults(family: "gpt2").feedforwardModules == .endings([]))
    #expect(AdapterConfiguration(peftType: .lora).withDefaults(family: "gpt2").targetModules == .endings(["c_attn"]))
  }
}
