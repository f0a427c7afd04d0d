import Adapters
import ModelTestSupport
import Testing

/// Which modules a pattern selects, as PEFT does.
struct ModuleMatchingTests {
  private static let paths = TestModel.random().linears.map(\.path)
  private let paths = Self.paths

  @Test(arguments: [
    (ModulePattern.endings(["c_attn"]), ["h.0.attn.c_attn", "h.1.attn.c_attn"]),
    (.endings(["c_proj"]), ["h.0.attn.c_proj", "h.0.mlp.c_proj", "h.1.attn.c_proj", "h.1.mlp.c_proj"]),
    (.endings(["mlp.c_proj"]), ["h.0.mlp.c_proj", "h.1.mlp.c_proj"]),
    (.endings(["1.mlp.c_fc", "0.attn.c_attn"]), ["h.0.attn.c_attn", "h.1.mlp.c_fc"]),
    (.endings(["transformer.h.0.mlp.c_fc"]), ["h.0.mlp.c_fc"]),
    (.endings(["proj", "attn", "h.0"]), []),  // endings count from a dot
    (.expression(#".*\.h\.1\..*"#), ["h.1.attn.c_attn", "h.1.attn.c_proj", "h.1.mlp.c_fc", "h.1.mlp.c_proj"]),
    (.expression("c_attn"), []),  // an expression matches the whole path
    (.expression(".*c_attn|.*c_fc"), ["h.0.attn.c_attn", "h.0.mlp.c_fc", "h.1.attn.c_attn", "h.1.mlp.c_fc"]),
    (.expression(".*c_at"), []),
  ])
  func aPatternSelectsTheseModules(pattern: ModulePattern, expected: [String]) throws {
    let found = try pattern.matches(paths)
    #expect(found.sorted() == expected.map { "transformer." + $0 })
  }

  @Test func allLinearSelectsEveryMap() throws {
    #expect(try ModulePattern.expression("all-linear").matches(paths) == Set(paths))
    #expect(paths.count == 8)
  }

  private func text(_ configuration: AdapterConfiguration) -> String {
    errorText { _ = try AdapterModel(configuration, backbone: TestModel.random(), seed: 0) }
  }

  @Test func aPatternWithoutAMatchIsAnErrorThatShowsNames() {
    let examples =
      "matches no linear map of the model, whose modules are named like transformer.h.0.attn.c_attn, "
      + "transformer.h.0.attn.c_proj, transformer.h.0.mlp.c_fc, transformer.h.0.mlp.c_proj"
    #expect(text(lora(["c_attn", "q_proj"])) == "target_modules: \"q_proj\" \(examples)")
    #expect(text(lora { $0.targetModules = .expression("c_attn") }) == "target_modules: \"c_attn\" \(examples)")
    #expect(text(lora([])) == "target_modules: \"\" \(examples)")
  }

  @Test func aPatternThatChangesNothingIsAnErrorInAFreshAdapter() throws {
    let end =
      " fits no module that target_modules selects; these are named like transformer.h.0.attn.c_attn, "
      + "transformer.h.1.attn.c_attn"
    #expect(text(ia3(["c_attn"], feedforward: ["c_fc"])) == "feedforward_modules: \"c_fc\"" + end)
    let ranked = lora { $0.rankPattern = [.init(pattern: "h.2.*", value: 2)] }
    #expect(text(ranked) == "rank_pattern: \"h.2.*\"" + end)
    #expect(text(lora { $0.alphaPattern = [.init(pattern: "c_fc", value: 2)] }) == "alpha_pattern: \"c_fc\"" + end)
    // PEFT loads such an adapter, and it means the same there.
    _ = try AdapterModel(ranked, backbone: TestModel.random(), seed: 0, isFresh: false)
  }

  @Test func aBrokenExpressionIsAnError() {
    #expect(
      text(lora { $0.targetModules = .expression("(c_attn") })
        == "target_modules: \"(c_attn\" is not a regular expression: it does not compile")
  }

  @Test func twoPatternsThatDisagreeAboutAModuleAreAnError() {
    let ambiguous = lora {
      $0.rankPattern = [.init(pattern: "h.0.attn.c_attn", value: 2), .init(pattern: "c_attn", value: 4)]
    }
    #expect(
      text(ambiguous)
        == "rank_pattern or alpha_pattern: \"h.0.attn.c_attn\" and \"c_attn\" both fit transformer.h.0.attn.c_attn "
        + "with different values; make them exclude each other")
    let agreeing = lora {
      $0.rankPattern = [.init(pattern: "h.0.*", value: 2), .init(pattern: ".*c_attn", value: 2)]
    }
    #expect(text(agreeing) == "")
  }
}
