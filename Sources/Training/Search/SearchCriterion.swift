/// What the values of λ are compared by: the mean over tasks of one score each.
public struct SearchCriterion: Sendable, Equatable {
  /// A score of a task, by its place among the tasks and among the task's scores.
  public struct Column: Sendable, Equatable {
    let task, score: Int
    let taskName, scoreName: String

    var title: String { "\(taskName) \(scoreName)" }
  }

  public let columns: [Column]
  /// Whether the scores are losses.
  public let isLowerBetter: Bool

  /// Losses and what comes of them, which are never a task's first score; all others are shares and correlations.
  private static let losses: Set<String> = ["loss", "perplexity"]

  /// - Parameters:
  ///   - tasks: At least one task, and the names of its scores.
  ///   - metric: The score that counts, of those tasks that have it; nil: each task's first.
  /// - Throws: ``AdapterSearchError/unknownMetric(_:known:)``.
  public init(
    _ tasks: [(task: String, scores: [String])], metric: String?
  ) throws(AdapterSearchError) {
    columns = tasks.enumerated().compactMap { place, task in
      let score = metric.map { task.scores.firstIndex(of: $0) } ?? 0
      return score.map { Column(task: place, score: $0, taskName: task.task, scoreName: task.scores[$0]) }
    }
    if let metric, columns.isEmpty {
      var known: [String] = []
      for name in tasks.flatMap(\.scores) where !known.contains(name) { known.append(name) }
      throw .unknownMetric(metric, known: known)
    }
    isLowerBetter = metric.map(Self.losses.contains) ?? false
  }

  /// The names of the scores, each once.
  var scoreNames: [String] {
    var names: [String] = []
    for name in columns.map(\.scoreName) where !names.contains(name) { names.append(name) }
    return names
  }

  /// The scores that count, of all by task.
  func values(of scores: [[Double]]) -> [Double] { columns.map { scores[$0.task][$0.score] } }

  /// The mean that decides.
  func mean(of scores: [[Double]]) -> Double { values(of: scores).reduce(0, +) / Double(columns.count) }

  /// The place of the best mean, of equal ones the first; nil if none is finite.
  func best(among means: [Double]) -> Int? {
    means.indices.filter { means[$0].isFinite }.min { isLowerBetter ? means[$0] < means[$1] : means[$0] > means[$1] }
  }
}
