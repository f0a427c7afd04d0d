import Foundation

/// Scores a file of answers: a line each, `{"prediction": "…", "references": ["…"]}` for texts, or
/// `{"prediction": 1, "label": 1}` for classes (numbers or names) and measured values.
public enum MetricLines {
  private struct Line: Decodable {
    let prediction: LabelValue
    let references: [String]?
    let label: LabelValue?
  }

  /// Reads every line and returns what was collected; its ``MetricAccumulator/results()`` are the text metrics for
  /// texts and the label metrics for labels.
  ///
  /// - Throws: ``TaskError`` with file and line: bad JSON, neither references nor label, both kinds of lines in one
  ///   file, no line.
  public static func collect(_ url: URL) throws -> MetricAccumulator {
    let file = try TextFile(url)
    let decoder = JSONDecoder()
    var collected: MetricAccumulator?
    var areTexts = true
    try file.forEachLine { json, number in
      let line = try file.decode(Line.self, from: json, line: number, with: decoder)
      guard (line.references == nil) != (line.label == nil) else {
        throw TaskError.badJSON(file: file.name, line: number, reason: "it needs either references or a label")
      }
      if collected == nil {
        areTexts = line.label == nil
        collected = MetricAccumulator(metrics: Metric.allCases.filter { $0.comparesText == areTexts })
      }
      guard (line.label == nil) == areTexts else {
        let found = areTexts ? "a label" : "references"
        throw TaskError.badJSON(file: file.name, line: number, reason: "it has \(found) unlike the lines before")
      }
      if let label = line.label {
        collected?.add(prediction: line.prediction, label: label)
      } else if case .name(let prediction) = line.prediction {
        collected?.add(prediction: prediction, references: line.references ?? [])
      } else {
        throw TaskError.badJSON(file: file.name, line: number, reason: "its prediction is not a text")
      }
      return true
    }
    guard let collected else { throw TaskError.noExamples(task: url.lastPathComponent, file: url.path) }
    return collected
  }
}

extension LabelValue: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(Double.self) {
      self = .number(number)
    } else if let flag = try? container.decode(Bool.self) {
      self = .name(flag ? "true" : "false")
    } else {
      self = .name(try container.decode(String.self))
    }
  }
}
