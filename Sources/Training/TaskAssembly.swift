import Adapters
import Foundation
import MessagePassing
import Tasks
import Tokenizers

/// A recipe's tasks as tokens.
public struct TaskAssembly {
  public let specifications: [TaskSpecification]
  /// Which of the adapter's tasks each of them is.
  public let routes: TaskRoutes
  /// The training sets, in the recipe's order.
  public let training: [TokenizedTask]
  /// The test sets of the tasks that have one.
  public let testing: [(task: Int, examples: TokenizedTask)]

  /// Tokenises the splits asked for, or finds them in the cache. Collective: the ranks share the work by tasks, then
  /// each reads what the others cached.
  ///
  /// - Parameters:
  ///   - adapter: What will be asked to tell the tasks apart; nil: the bare model.
  ///   - kind: How the model reads prompt and answer.
  /// - Throws: `TaskError` or `MPIError`.
  public init(
    _ recipe: Recipe, adapter: AdapterConfiguration?, tokenizer: Tokenizer?, tokenizerFile: URL?, kind: SequenceKind,
    vocabularySize: Int, splits: Set<DataSplit>, ranks: Ranks
  ) throws {
    let specifications = recipe.tasks
    routes = try TaskRoutes(specifications, adapter: adapter)
    let preparation = try TaskPreparation(
      encoding: tokenizer, tokenizerFile: tokenizerFile,
      options: TokenizationOptions(
        kind: kind, maxSequenceLength: recipe.maxSeqLength, maxTargetLength: recipe.maxTargetLength,
        vocabularySize: vocabularySize),
      cacheFolder: Self.cacheFolder, taskNames: routes.lineNames)
    var jobs: [(task: Int, split: DataSplit)] = []
    for (task, specification) in specifications.enumerated() {
      if splits.contains(.train) { jobs.append((task, .train)) }
      if splits.contains(.test), specification.test != nil { jobs.append((task, .test)) }
    }
    var prepared: [Int: TokenizedTask] = [:]
    for (place, job) in jobs.enumerated() where place % ranks.count == ranks.rank {
      prepared[place] = try preparation.prepare(specifications[job.task], split: job.split)
    }
    try ranks.world.barrier()
    for (place, job) in jobs.enumerated() where prepared[place] == nil {
      prepared[place] = try preparation.prepare(specifications[job.task], split: job.split)
    }
    self.specifications = specifications
    training = jobs.indices.filter { jobs[$0].split == .train }.map { prepared[$0]! }
    testing = jobs.indices.filter { jobs[$0].split == .test }.map { (jobs[$0].task, prepared[$0]!) }
    for (place, job) in jobs.enumerated() { try routes.requireRoutes(of: prepared[place]!, task: job.task) }
  }

  /// Where tokens are kept: $POLYAD_CACHE, else `polyad` in $XDG_CACHE_HOME or ~/.cache.
  public static var cacheFolder: URL {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["POLYAD_CACHE"], !path.isEmpty { return URL(filePath: path) }
    if let path = environment["XDG_CACHE_HOME"], !path.isEmpty { return URL(filePath: path).appending(path: "polyad") }
    return FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache/polyad")
  }

  /// What was cut and dropped, one report a task and split.
  public var reports: [PreparationReport] { training.map(\.report) + testing.map(\.examples.report) }

  /// What the user should know of the data: cut prompts, dropped examples, caches that had to be made anew.
  public var notes: [String] {
    reports.flatMap { report -> [String] in
      var notes: [String] = []
      let place = "\(report.task) (\(report.split.rawValue))"
      if report.dropped > 0 { notes.append("\(place): \(report.dropped) examples have no label left and are dropped") }
      if report.cutSources > 0 {
        notes.append("\(place): \(report.cutSources) of \(report.examples) prompts are cut to fit max_seq_length")
      }
      if report.cutTargets > 0 {
        notes.append("\(place): \(report.cutTargets) of \(report.examples) answers are cut to max_target_length")
      }
      return notes + (report.note.map { ["\(place): \($0)"] } ?? [])
    }
  }
}
