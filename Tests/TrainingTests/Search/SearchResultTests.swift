import Foundation
import JSON
import Testing

@testable import Training

/// Which λ is best, and how that is shown.
struct SearchResultTests {
  private static let tasks: [(task: String, scores: [String])] = [
    ("rte", ["accuracy", "rougeL", "loss"]), ("sts", ["pearson", "loss"]),
  ]

  private func result(_ scores: [[[Double]]], metric: String? = nil) throws -> SearchResult {
    let candidates = scores.enumerated().map { SearchResult.Candidate(lambda: Double($0) / 4, scores: $1) }
    return try SearchResult(Self.tasks, SearchCriterion(Self.tasks, metric: metric), candidates)
  }

  private static let scores: [[[Double]]] = [
    [[50, 1, 0.5], [20, 3]], [[60, 9, 0.25], [30, 2]], [[40, 9, 0.75], [50, 1.5]], [[100, 2, 0.1], [.nan, 2.15]],
  ]

  @Test func theBestMeanOfFirstMetricsWinsAndOfEqualOnesTheFirst() throws {
    let result = try result(Self.scores)
    #expect(result.best == 1 && result.lambda == 0.25)
    #expect(
      result.table.lines == [
        "   λ  rte accuracy  sts pearson  mean",
        "----  ------------  -----------  ----  ----",
        "   0            50           20    35",
        "0.25            60           30    45  best",
        " 0.5            40           50    45",
        "0.75           100          nan   nan",
      ])
  }

  @Test func aMetricOfSomeTasksIsComparedOverThem() throws {
    let result = try result(Self.scores, metric: "rougeL")
    #expect(result.best == 1)
    #expect(result.table.columns.map(\.title) == ["λ", "rte rougeL", "mean", ""])
  }

  @Test func lossesAreBestWhereTheyAreLeast() throws {
    let means = [1.75, 1.125, 1.125, 1.125]
    let result = try result(Self.scores, metric: "loss")
    #expect(result.best == 1)
    let json = JSONValue.object(result.json).text
    #expect(json.hasPrefix(#"{"metrics": ["loss"], "better": "lower", "lambda": 0.25, "candidates": ["#))
    for mean in means { #expect(json.contains(#""mean": \#(mean), "tasks""#)) }
    #expect(json.contains(#"{"rte": {"accuracy": 100.0, "rougeL": 2.0, "loss": 0.1}, "sts": {"pearson": null, "#))
    let perplexity = try SearchCriterion([("a", ["rougeL", "perplexity"])], metric: "perplexity")
    #expect(perplexity.best(among: [.nan, 3, 2, .infinity, 2]) == 2)
  }

  @Test func aScoreThatNoTaskHasIsRefused() {
    #expect(throws: AdapterSearchError.unknownMetric("f1", known: ["accuracy", "rougeL", "loss", "pearson"])) {
      try SearchCriterion(Self.tasks, metric: "f1")
    }
  }

  @Test func noFiniteMeanIsNoChoice() {
    #expect(throws: AdapterSearchError.nothingToCompare(metrics: ["pearson"])) {
      try result([[[1, 1, 1], [.nan, 1]]], metric: "pearson")
    }
  }

  @Test func thePlotHasALineATaskAndOneOfTheMean() throws {
    let plot = try result(Self.scores).plot(title: "λ*a")
    #expect(plot.lines.map(\.name) == ["rte accuracy", "sts pearson", "mean"])
    #expect(plot.lines.map(\.isMain) == [false, false, true] && plot.lines.map(\.points.count) == [4, 3, 3])
    #expect(plot.yTitle == "score" && plot.mark == .init(0.25, 45) && plot.markName == "best: λ = 0.25, 45")
    let single = try result(Self.scores, metric: "rougeL").plot(title: "λ*a")
    #expect(single.lines.map(\.name) == ["rte"] && single.yTitle == "rougeL")
  }
}
