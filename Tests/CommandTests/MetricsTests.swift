import Foundation
import TestSupport
import Testing

struct MetricsTests {
  private func metrics(_ lines: [String]) throws -> [String: Double] {
    try withTemporaryFolder { folder in
      let input = try CommandFixture.write(lines.joined(separator: "\n"), "answers.jsonl", in: folder)
      let outcome = try PolyadProcess.run(["metrics", "--input", input], in: folder)
      #expect(outcome.exitCode == 0)
      #expect(outcome.standardOutput.split(separator: "\n").count == 1)
      return try JSONDecoder().decode([String: Double].self, from: Data(outcome.standardOutput.utf8))
    }
  }

  private func cases() throws -> [String: Any] {
    let data = try Data(contentsOf: Fixtures.url("metrics/cases.json"))
    return try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
  }

  private func expectEqual(_ found: [String: Double], _ expected: [String: Double]) {
    #expect(Set(found.keys).isSuperset(of: expected.keys))
    // Both in double precision; sums may go in another order.
    for (name, value) in expected { #expect(abs((found[name] ?? .nan) - value) <= 1e-9, "\(name)") }
  }

  @Test
  func textsScoreAsRougeScoreDoes() throws {
    let cases = try cases()
    let lines = try (cases["text"] as? [[String: Any]] ?? []).map {
      try CommandFixture.text(of: $0.filter { ["prediction", "references"].contains($0.key) })
    }
    let found = try metrics(lines)
    expectEqual(found, cases["text_mean"] as? [String: Double] ?? [:])
    #expect(Set(found.keys) == ["exact_match", "rouge1", "rougeL", "rougeLsum"])
  }

  @Test(
    arguments: ["classification", "regression"])
  func labelsScoreAsScikitLearnDoes(kind: String) throws {
    for example in try cases()[kind] as? [[String: Any]] ?? [] {
      let labels = example["labels"] as? [Double] ?? [], predictions = example["predictions"] as? [Double] ?? []
      let lines = try zip(labels, predictions).map { try CommandFixture.text(of: ["label": $0, "prediction": $1]) }
      expectEqual(try metrics(lines), example.compactMapValues { $0 as? Double })
    }
  }

  @Test func onlyWhatIsDefinedIsPrinted() throws {
    // All labels are the same: no correlation.
    let found = try metrics([#"{"label": 1.5, "prediction": 1.0}"#, #"{"label": 1.5, "prediction": 2.0}"#])
    #expect(found.isEmpty)
  }

  @Test func missingAndBadFilesAreDataFaults() throws {
    try withTemporaryFolder { folder in
      let missing = try PolyadProcess.run(["metrics", "--input", "none.jsonl"], in: folder)
      #expect(missing.exitCode == 3)
      #expect(missing.messages.count == 1 && missing.messages[0].contains("none.jsonl cannot be read"))
      let input = try CommandFixture.write(#"{"prediction": "a"}"#, "bad.jsonl", in: folder)
      let bad = try PolyadProcess.run(["metrics", "--input", input], in: folder)
      #expect(bad.exitCode == 3)
      #expect(bad.messages.count == 1 && bad.messages[0].contains("bad.jsonl:1"))
    }
  }
}
