import Foundation
import TestSupport
import Testing

/// docs/running.md has every verb, with options that it takes.
struct VerbPageTests {
  private func help(_ verb: [String]) throws -> String {
    let outcome = try withTemporaryFolder { try PolyadProcess.run(verb + ["--help"], in: $0) }
    try #require(outcome.exitCode == 0, "\(verb): \(outcome.standardError)")
    return outcome.standardOutput
  }

  /// The subcommands that a help text lists.
  private func subcommands(_ help: String) -> [String] {
    guard let list = help.split(separator: "SUBCOMMANDS:").dropFirst().first else { return [] }
    return list.matches(of: /(?m)^ {2}([a-z]+)/).map { String($0.1) }
  }

  /// The calls of the table under "Verbs", such as `bench step [--method M]`.
  private func calls() throws -> [String] {
    try MarkdownPage("docs/running.md").rows.filter { $0.heading == "Verbs" }.flatMap { $0.code(0) }
  }

  @Test func everyVerbHasARow() throws {
    var verbs: [String] = []
    for verb in subcommands(try help([])) {
      let parts = subcommands(try help([verb]))
      verbs += parts.isEmpty ? [verb] : parts.map { "\(verb) \($0)" }
    }
    #expect(verbs.contains("train") && verbs.contains("bench step"))
    let called = try calls()
    let named = called.map { $0.split(separator: " ").prefix { $0.allSatisfy(\.isLetter) && $0.first!.isLowercase } }
    #expect(Set(named.map { $0.joined(separator: " ") }) == Set(verbs))
  }

  @Test func everyOptionOfARowIsTheVerbs() throws {
    for call in try calls() {
      let verb = call.split(separator: " ").map(String.init).prefix { $0.allSatisfy { $0.isLowercase } }
      let known = Set(try help(Array(verb)).matches(of: /--[a-z][a-z-]*/).map { String($0.output) })
      for option in call.matches(of: /--[a-z][a-z-]*/).map({ String($0.output) }) {
        #expect(known.contains(option), "\(call)")
      }
    }
  }

  @Test func theExitCodesAreTheHelps() throws {
    let rows = try MarkdownPage("docs/running.md").rows.filter { $0.heading == "Stopping" }
    let help = try help([]).split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let codes = rows.map { $0.cells.joined(separator: " ").replacing(",", with: "") }.joined(separator: ", ")
    #expect(help.contains("Exit codes: \(codes). "))
  }
}
