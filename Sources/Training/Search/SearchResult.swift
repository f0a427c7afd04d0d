import JSON

/// What a search for λ found.
public struct SearchResult: Sendable {
  /// A value of λ and its scores.
  public struct Candidate: Sendable, Equatable {
    public let lambda: Double
    /// By task and score; not a number where the answers leave a score undefined.
    public let scores: [[Double]]

    public init(lambda: Double, scores: [[Double]]) { (self.lambda, self.scores) = (lambda, scores) }
  }

  private let tasks: [(task: String, scores: [String])]
  private let criterion: SearchCriterion
  /// In the order of the grid.
  public let candidates: [Candidate]
  /// The place of the best one.
  public let best: Int

  /// - Throws: ``AdapterSearchError/nothingToCompare(metrics:)``.
  init(
    _ tasks: [(task: String, scores: [String])], _ criterion: SearchCriterion, _ candidates: [Candidate]
  ) throws(AdapterSearchError) {
    guard let best = criterion.best(among: candidates.map { criterion.mean(of: $0.scores) }) else {
      throw .nothingToCompare(metrics: criterion.scoreNames)
    }
    (self.tasks, self.criterion, self.candidates, self.best) = (tasks, criterion, candidates, best)
  }

  /// The best λ.
  public var lambda: Double { candidates[best].lambda }

  private func mean(_ candidate: Candidate) -> Double { criterion.mean(of: candidate.scores) }

  /// A row a value of λ: the scores that count, and their mean.
  public var table: Table {
    Table(
      columns: [.init("λ", .right)] + criterion.columns.map { .init($0.title, .right) }
        + [.init("mean", .right), .init("")],
      rows: candidates.enumerated().map { place, candidate in
        [Formatting.shortest(candidate.lambda)]
          + (criterion.values(of: candidate.scores) + [mean(candidate)]).map(Formatting.number)
          + [place == best ? "best" : ""]
      })
  }

  /// The values of λ with all scores, the best one, and what it was chosen by.
  public var json: [JSONValue.Member] {
    [
      .init("metrics", .array(criterion.scoreNames.map { .string($0) })),
      .init("better", .string(criterion.isLowerBetter ? "lower" : "higher")), .init("lambda", .double(lambda)),
      .init(
        "candidates",
        .array(
          candidates.map { candidate in
            [
              "lambda": .double(candidate.lambda), "mean": .double(mean(candidate)),
              "tasks": .object(
                zip(tasks, candidate.scores).map { task, scores in
                  .init(task.task, .object(zip(task.scores, scores).map { NamedValue($0, $1) }))
                }),
            ]
          })),
    ]
  }

  /// The scores that count over λ: a line a task and, of several, one of their mean.
  ///
  /// - Parameter title: What stands above it.
  public func plot(title: String) -> LinePlot {
    let name = criterion.scoreNames.count == 1 ? criterion.scoreNames[0] : "score"
    var lines = criterion.columns.enumerated().map { place, column in
      LinePlot.Line(
        name: criterion.scoreNames.count == 1 ? column.taskName : column.title,
        points: candidates.map { .init($0.lambda, criterion.values(of: $0.scores)[place]) })
    }
    if lines.count > 1 {
      lines.append(.init(name: "mean", points: candidates.map { .init($0.lambda, mean($0)) }, isMain: true))
    }
    let mark = LinePlot.Point(lambda, mean(candidates[best]))
    return LinePlot(
      title: title, xTitle: "λ", yTitle: name, lines: lines, mark: mark,
      markName: "best: λ = \(Formatting.shortest(lambda)), \(Formatting.number(mark.y))")
  }
}
