import ArgumentParser
import Foundation
import JSON
import Tasks
import Training

/// `polyad metrics`.
struct Metrics: SingleCommand {
  static let configuration = CommandConfiguration(
    abstract: "Scores a file of answers.",
    discussion: """
      Lines are {"prediction": "…", "references": ["…"]} for texts, or {"prediction": …, "label": …} for classes and \
      measured values. Prints one JSON object with every metric that is defined for them, from 0 to 1 (correlations \
      from -1).
      """)

  @Option(help: "JSON lines of predictions.", completion: .file(extensions: ["jsonl"]))
  var input: String

  func runAlone() throws {
    let results = try MetricLines.collect(URL(filePath: input)).results()
    try CommandOutput.result(
      .object(
        Metric.allCases.compactMap { metric in
          results[metric].map { JSONValue.Member(metric.rawValue, .double($0)) }
        }))
  }
}
