import Foundation
import Testing

@testable import Tasks

private func collectError(_ text: String) -> String {
  var folder = ""
  return errorText {
    try withFile("answers.jsonl", text) { url in
      folder = url.deletingLastPathComponent().path
      _ = try MetricLines.collect(url)
    }
  }.replacingOccurrences(of: folder + "/", with: "")
}

@Test func textLinesGiveTheTextMetrics() throws {
  let lines = """
    {"prediction": "a b", "references": ["A, b!"]}
    {"prediction": "c", "references": ["d"]}
    """
  let collected = try withFile("answers.jsonl", lines, MetricLines.collect)
  #expect(collected.count == 2)
  #expect(collected.results() == [.exactMatch: 0.5, .rouge1: 0.5, .rougeL: 0.5, .rougeLsum: 0.5])
}

@Test func labelLinesGiveTheLabelMetrics() throws {
  let numbers = """
    {"prediction": 1, "label": 1}
    {"prediction": 0, "label": 1}
    {"prediction": 0, "label": 0}
    """
  let results = try withFile("answers.jsonl", numbers, MetricLines.collect).results()
  #expect(
    results.keys.sorted { $0.rawValue < $1.rawValue }.map(\.rawValue)
      == ["accuracy", "f1", "f1_macro", "matthews", "pearson", "spearman"])
  #expect(results[.accuracy] == 2.0 / 3)
  let names = "{\"prediction\": \"yes\", \"label\": \"yes\"}\n{\"prediction\": \"no\", \"label\": \"yes\"}\n"
  #expect(try withFile("answers.jsonl", names, MetricLines.collect).results()[.accuracy] == 0.5)
}

@Test func badAnswerLinesAreNamed() {
  let text = "{\"prediction\": \"a\", \"references\": [\"a\"]}\n"
  let remedy = " Correct or remove it."
  #expect(
    collectError(text + "{\"prediction\": 1, \"label\": 1}\n")
      == "answers.jsonl:2 is not the JSON expected here: it has a label unlike the lines before." + remedy)
  #expect(
    collectError("{\"prediction\": 1}\n")
      == "answers.jsonl:1 is not the JSON expected here: it needs either references or a label." + remedy)
  #expect(
    collectError("{\"prediction\": 1, \"references\": []}\n")
      == "answers.jsonl:1 is not the JSON expected here: its prediction is not a text." + remedy)
  #expect(
    collectError("")
      == "Task answers.jsonl has no example: answers.jsonl is empty. Give it a file with examples.")
}
