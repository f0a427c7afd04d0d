import Foundation
import TestSupport
import Testing

@testable import Tasks

/// Both sides compute the same few products and quotients of small whole numbers in double precision; only their order
/// may differ, which is worth a few units in the last place (2e-16).
private let roundingTolerance = 1e-14

private func agrees(_ value: Double, _ expected: Double) -> Bool { abs(value - expected) <= roundingTolerance }

struct MetricCases: Decodable {
  struct Text: Decodable {
    let prediction: String
    let references: [String]
    let exact_match: Double
    let rouge1: Double
    let rougeL: Double
    let rougeLsum: Double
  }
  struct Classification: Decodable {
    let labels: [Int]
    let predictions: [Int]
    let accuracy: Double
    let matthews: Double
    let f1_macro: Double
    let f1: Double?
  }
  struct Regression: Decodable {
    let labels: [Double]
    let predictions: [Double]
    let pearson: Double
    let spearman: Double
  }
  let text: [Text]
  let text_mean: [String: Double]
  let classification: [Classification]
  let regression: [Regression]

  static func read() throws -> MetricCases {
    try JSONDecoder().decode(MetricCases.self, from: Data(contentsOf: Fixtures.url("metrics/cases.json")))
  }
}

@Test
func textScoresAgreeWithRougeScore() throws {
  let cases = try MetricCases.read()
  var accumulator = MetricAccumulator()
  for item in cases.text {
    let score = accumulator.add(prediction: item.prediction, references: item.references)
    #expect(agrees(score.exactMatch, item.exact_match), "\(item)")
    #expect(agrees(score.rouge1, item.rouge1), "\(item)")
    #expect(agrees(score.rougeL, item.rougeL), "\(item)")
    #expect(agrees(score.rougeLsum, item.rougeLsum), "\(item)")
  }
  let results = accumulator.results()
  for (name, mean) in cases.text_mean {
    let metric = try #require(Metric(rawValue: name))
    #expect(agrees(try #require(results[metric]), mean), "\(name)")
  }
}

@Test
func labelScoresAgreeWithScikitLearnAndSciPy() throws {
  let cases = try MetricCases.read()
  for item in cases.classification {
    var accumulator = MetricAccumulator()
    for (label, prediction) in zip(item.labels, item.predictions) {
      accumulator.add(prediction: .number(Double(prediction)), label: .number(Double(label)))
    }
    let results = accumulator.results()
    #expect(agrees(try #require(results[.accuracy]), item.accuracy))
    #expect(agrees(try #require(results[.matthews]), item.matthews))
    #expect(agrees(try #require(results[.f1Macro]), item.f1_macro))
    #expect(agrees(try #require(results[.f1]), item.f1 ?? item.f1_macro))
    #expect(results[.rouge1] == nil)
  }
  for item in cases.regression {
    #expect(abs(LabelMetrics.pearson(labels: item.labels, predictions: item.predictions) - item.pearson) < 1e-12)
    #expect(abs(LabelMetrics.spearman(labels: item.labels, predictions: item.predictions) - item.spearman) < 1e-12)
    // Sums of 80 products in another order: 80 roundings of 1e-16 each, far below 1e-12.
    var accumulator = MetricAccumulator()
    for (label, prediction) in zip(item.labels, item.predictions) {
      accumulator.add(prediction: .number(prediction), label: .number(label))
    }
    #expect(Set(accumulator.results().keys) == [.pearson, .spearman])
  }
}

@Test func normalizationDropsCasePunctuationAndSpacing() {
  #expect(TextMetrics.normalize("  The\u{A0}U.S.,\t\u{1C}again! \r\n") == "the us again")
  #expect(TextMetrics.normalize("…“quoted”") == "…“quoted”")
}

@Test func composedAndDecomposedLettersAreNotAnExactMatch() {
  #expect(TextMetrics.score(prediction: "caf\u{E9}", references: ["cafe\u{301}"]).exactMatch == 0)
}

@Test func eachMetricTakesItsOwnBestReference() {
  let score = TextMetrics.score(prediction: "line straight", references: ["straight line", "line of sight"])
  #expect(score.rouge1 == 1)
  #expect(agrees(score.rougeL, 0.5))
}

@Test func aPredictionWithoutWordsOrReferencesScoresZero() {
  #expect(TextMetrics.score(prediction: "", references: ["a word"]) == .zero)
  #expect(TextMetrics.score(prediction: "a word", references: []) == .zero)
  #expect(TextMetrics.score(prediction: "...", references: ["!"]).exactMatch == 1)
}

@Test func namedClassesAreScoredInTheOrderOfTheLabelSet() throws {
  var accumulator = MetricAccumulator(metrics: [.accuracy, .f1, .matthews], classes: ["no", "yes"])
  let pairs = [("Yes.", "yes"), ("yes", "no"), ("no", "no"), ("maybe", "yes")]
  for (prediction, label) in pairs { accumulator.add(prediction: prediction, references: [label]) }
  let results = accumulator.results()
  #expect(results[.accuracy] == 0.5)
  // Class 1 is "yes": one hit, two predicted, two labelled.
  #expect(agrees(try #require(results[.f1]), 2.0 * 1 / (2 + 2)))
  #expect(results[.exactMatch] == nil)
}

@Test func undefinedMetricsAreLeftOut() {
  #expect(MetricAccumulator().results().isEmpty)
  var constant = MetricAccumulator()
  for value in [1.5, 2.5] { constant.add(prediction: .number(3.25), label: .number(value)) }
  #expect(constant.results().isEmpty)
}

@Test func equalValuesShareTheirRank() {
  // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
  let value = LabelMetrics.spearman(labels: [1, 2, 2, 3], predictions: [10, 20, 30, 40])
  #expect(agrees(value, 4.5 / (4.5 * 5).squareRoot()))
}
