import Foundation
import TestSupport
import Testing

/// What `polyad compose` refuses: an exit code, a line that says why, and nothing written.
struct ComposeFaultTests {
  private struct Fault {
    let arguments: [String]
    let exitCode: Int32
    let text: String

    init(_ exitCode: Int32, _ text: String, _ arguments: String...) {
      (self.arguments, self.exitCode, self.text) = (arguments, exitCode, text)
    }
  }

  private static func path(_ name: String) -> String { Fixtures.root.appending(path: "arithmetic/\(name)").path }
  private static let one = path("lora/inputs/one"), two = path("lora/inputs/two"), wide = path("lora/inputs/wide")
  private static let vectors = path("ia3/inputs/one")
  private static let dora = Fixtures.root.appending(path: "backbones/llama/adapters/dora").path
  private static let poly = Fixtures.root.appending(path: "backbones/llama/adapters/poly").path

  private static let faults: [Fault] = [
    Fault(2, "compose needs adapters: give --adapter DIR, or NAME=DIR"),
    Fault(2, "compose needs an expression, such as \"0.6*a + 0.4*b\", or --operator with --weights", "--adapter", one),
    Fault(
      2, "the expression is empty: write a sum of adapters, such as 0.6*a + 0.4*b:\n  \n  ^", "", "--adapter",
      "a=\(one)"),
    Fault(
      2, "there is no adapter \"b\": give --adapter b=DIR, or use a:\n  -2*b\n     ^", "-2*b", "--adapter", "a=\(one)"),
    Fault(
      2, "--adapter b: the expression does not use it; leave it out or add it", "a", "--adapter", "a=\(one)",
      "--adapter", "b=\(two)"),
    Fault(2, "--adapter a is given twice: choose another name", "a", "--adapter", "a=\(one)", "--adapter", "a=\(two)"),
    Fault(
      2, "--adapter \(one): with an expression write NAME=DIR, the name of letters, digits, _ and dots", "a",
      "--adapter", one),
    Fault(
      2, "an expression says itself what is negated or subtracted: leave --operator negate out", "a", "--operator",
      "negate", "--adapter", "a=\(one)"),
    Fault(
      2, "--weights is for --operator without an expression: leave it out", "a", "--weights", "1", "--adapter",
      "a=\(one)"),
    Fault(
      2, "operator add needs 2 weight(s) here, not 1: give --weights one an adapter, such as 0.5,0.5", "--operator",
      "add", "--weights", "1", "--adapter", one, "--adapter", two),
    Fault(2, "The value '1,x' is invalid for '--weights <weights>'", "--operator", "add", "--weights", "1,x"),
    Fault(
      2,
      "--peft-compatible is for linear, cat, svd, ties, magnitude_prune, dare_linear, dare_ties alone, not for add: "
        + "leave it out", "a", "--peft-compatible", "--adapter", "a=\(one)"),
    Fault(2, "Unknown option '--adaptor'. Did you mean '--adapter'?", "a", "--adaptor", "a=\(one)"),
    Fault(2, "--weights is for --operator without", "--a", "--weights", "1", "--adapter", "a=\(one)"),
    Fault(2, "--rank is for svd alone, not for add: leave it out", "a", "--rank", "3", "--adapter", "a=\(one)"),
    Fault(
      2, "operator ties needs --density, the share of the entries that stay, such as 0.5", "a", "--operator", "ties",
      "--adapter", "a=\(one)"),
    Fault(4, "there is no folder", "a", "--adapter", "a=nowhere"),
    Fault(
      4,
      "operator add needs equal ranks: at model.layers.0.self_attn.q_proj a has r = 4, b has r = 6; use --operator "
        + "cat (exact) or svd", "a + b", "--adapter", "a=\(one)", "--adapter", "b=\(wide)"),
    Fault(
      4, "adapters of different types cannot be combined: a has LORA, b has IA3", "a + b", "--adapter", "a=\(one)",
      "--adapter", "b=\(vectors)"),
    Fault(4, "a is a DoRA adapter", "a", "--adapter", "a=\(dora)"),
    Fault(
      4,
      "a is routed by task (POLY), so that it is a different LoRA for each task: write one task with `polyad "
        + "export` and combine that", "a", "--adapter", "a=\(poly)"),
  ]

  @Test(arguments: faults.indices) func aFaultIsSaidAndNothingIsWritten(index: Int) throws {
    let fault = Self.faults[index]
    try withTemporaryFolder { folder in
      let outcome = try PolyadProcess.run(["compose"] + fault.arguments + ["--output", "out"], in: folder)
      #expect(outcome.exitCode == fault.exitCode)
      #expect(outcome.standardError.hasPrefix("polyad: " + fault.text), "\(outcome.standardError)")
      #expect(outcome.standardOutput.isEmpty)
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 == "out" }.isEmpty)
    }
  }
}
