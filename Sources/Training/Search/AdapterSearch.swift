import Adapters
import MessagePassing
import Tasks

/// Looks for the λ whose composed adapter answers a recipe's test sets best.
///
/// The ranks take turns: candidate i is composed and judged whole by rank i mod N, which has the model's numbers in
/// common with its node. A score is therefore that of a single rank's evaluation, however many ranks there are.
public final class AdapterSearch {
  /// A value of λ, and what is composed there.
  public struct Candidate: Sendable {
    public let lambda: Double
    public let request: ArithmeticRequest

    public init(lambda: Double, request: ArithmeticRequest) { (self.lambda, self.request) = (lambda, request) }
  }

  /// What the user should know before the search.
  public let notes: [String]

  private let candidates: [Candidate]
  private let assembly: ModelAssembly
  private let tasks: TaskAssembly
  private let options: Evaluator.Options
  private let measures: [(task: String, scores: [String])]
  private let criterion: SearchCriterion
  private let ranks, alone: Ranks

  /// Reads the test sets and checks that candidates and model fit them. Collective.
  ///
  /// - Parameters:
  ///   - assembly: The recipe's model, bare.
  ///   - candidates: At least one.
  ///   - metric: The score that decides; nil: each task's first.
  /// - Throws: ``CandidateError`` for adapters that do not fit each other, the model or the tasks,
  ///   ``AdapterSearchError``, ``RunError``, or an error of the data.
  public init(
    _ recipe: Recipe, assembly: ModelAssembly, candidates: [Candidate], metric: String?, ranks: Ranks
  ) throws {
    let backbone = assembly.model.backbone
    try recipe.requireFit(positions: backbone.maximumLength)
    try recipe.requireSharing(by: backbone.architecture)
    for candidate in Self.oneOfEachKind(candidates) { _ = try Self.model(candidate, assembly) }
    tasks = try TaskAssembly(
      recipe, adapter: nil, tokenizer: assembly.tokenizer, inputs: ModelInputs(backbone), splits: [.test], ranks: ranks)
    try Agreement.require(tasks.facts, ranks)
    alone = try ranks.alone()
    (self.candidates, self.assembly, self.ranks) = (candidates, assembly, ranks)
    options = recipe.evaluationOptions
    var evaluators: [Evaluator] = []
    for candidate in Self.oneOfEachKind(candidates) {
      evaluators.append(try Self.evaluator(candidate, assembly, tasks, options, alone))
    }
    measures = evaluators[0].measures
    criterion = try SearchCriterion(measures, metric: metric)
    notes = tasks.notes + evaluators[0].notes
  }

  /// Judges all candidates. Collective; the result is rank 0's, nil on the others.
  ///
  /// - Parameter progress: Called on rank 0 with each candidate's row, in order.
  public func run(progress: (_ place: Int, _ row: String) -> Void) throws -> SearchResult? {
    var found: [SearchResult.Candidate] = []
    for start in stride(from: 0, to: candidates.count, by: ranks.count) {
      let place = start + ranks.rank
      let own = place < candidates.count ? try scores(of: candidates[place]) : []
      for (offset, scores) in (try ranks.world.gather(own) ?? []).enumerated() where !scores.isEmpty {
        found.append(.init(lambda: candidates[start + offset].lambda, scores: unflattened(scores)))
        progress(start + offset, text(found[start + offset]))
      }
    }
    return ranks.isMain ? try SearchResult(measures, criterion, found) : nil
  }

  /// Gives back what the search took. Collective.
  public func free() throws { try alone.free() }

  // MARK: Candidates

  /// The first candidate of each set of adapters that count: what a weight of 0 leaves out may be what does not fit.
  private static func oneOfEachKind(_ candidates: [Candidate]) -> [Candidate] {
    var known: Set<[String]> = []
    return candidates.filter { known.insert($0.request.terms.map(\.name)).inserted }
  }

  private static func model(_ candidate: Candidate, _ assembly: ModelAssembly) throws -> AdapterModel {
    try at(candidate) {
      try AdapterFolder.load(Composition(candidate.request).result, into: assembly.loaded.another())
    }
  }

  private static func evaluator(
    _ candidate: Candidate, _ assembly: ModelAssembly, _ tasks: TaskAssembly, _ options: Evaluator.Options,
    _ alone: Ranks
  ) throws -> Evaluator {
    let model = try model(candidate, assembly)
    let tasks = try tasks.with(adapter: model.configuration)
    try at(candidate) { try tasks.requireHeads(of: model) }
    guard
      let evaluator = Evaluator(
        model, tokenizer: assembly.tokenizer, tasks: tasks, options: options, ranks: alone)
    else { throw RunError.noTokenizer(folder: assembly.folder.url.path) }
    return evaluator
  }

  private static func at<Result>(_ candidate: Candidate, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch { throw CandidateError(candidate.lambda, error) }
  }

  /// A candidate's scores, task after task.
  private func scores(of candidate: Candidate) throws -> [Double] {
    let evaluator = try Self.evaluator(candidate, assembly, tasks, options, alone)
    guard let result = try evaluator.run() else { preconditionFailure("a search has no signal to stop it") }
    return zip(measures, result.tasks).flatMap { measure, task in
      measure.scores.map { name in task.scores.first { $0.name == name }?.value ?? .nan }
    }
  }

  private func unflattened(_ scores: [Double]) -> [[Double]] {
    var rest = scores[...]
    return measures.map { measure in
      defer { rest = rest.dropFirst(measure.scores.count) }
      return Array(rest.prefix(measure.scores.count))
    }
  }

  private func text(_ candidate: SearchResult.Candidate) -> String {
    let values = zip(criterion.columns, criterion.values(of: candidate.scores)).map {
      "\($0.title) \(Formatting.number($1))"
    }
    let mean = "mean \(Formatting.number(criterion.mean(of: candidate.scores)))"
    return "λ = \(Formatting.shortest(candidate.lambda)): " + (values + [mean]).joined(separator: ", ")
  }
}
