import Adapters
import Foundation
import MessagePassing
import Tasks
import Tokenizers

/// A recipe's tasks as tokens.
public struct TaskAssembly {
  public let specifications: [TaskSpecification]
  /// What routes their examples, and where losses are counted.
  public private(set) var routes: TaskRoutes
  /// The training sets, in the recipe's order.
  public let training: [TokenizedTask]
  /// The test sets of the tasks that have one.
  public let testing: [(task: Int, examples: TokenizedTask)]
  /// How texts became tokens, and how long they may be.
  public let tokenizer: ExampleTokenizer
  /// The answers to rank, one a label, of every task that ranks them.
  public let candidates: [Int: [[Int32]]]

  /// Tokenises the splits asked for, or finds them in the cache. Collective: the ranks share the work by tasks, then
  /// each reads what the others cached.
  ///
  /// - Parameters:
  ///   - adapter: What will be asked to tell the tasks apart; nil: the bare model.
  ///   - inputs: What the model takes.
  ///   - ranks: nil: this process does it alone, without MPI.
  /// - Throws: `TaskError`, `AdapterTaskError`, ``RunError/nothingToRank(task:)`` or `MPIError`.
  public init(
    _ recipe: Recipe, adapter: AdapterConfiguration?, tokenizer: Tokenizer?, inputs: ModelInputs,
    splits: Set<DataSplit>, ranks: Ranks?
  ) throws {
    Activity.begin(.preparing)
    let specifications = recipe.tasks
    routes = try TaskRoutes(specifications, adapter: adapter)
    let preparation = try TaskPreparation(
      encoding: tokenizer, tokenizerFiles: tokenizer?.files ?? [],
      options: inputs.tokenizationOptions(
        maximumLength: recipe.maxSeqLength, maximumTargetLength: recipe.maxTargetLength),
      cacheFolder: Self.cacheFolder, taskNames: routes.lineNames)
    let ranking = specifications.first { $0.prediction == .rankClassification }
    if inputs.kind == .classification, let task = ranking {
      throw RunError.nothingToRank(task: task.name)
    }
    let exampleTokenizer = preparation.tokenizer
    self.tokenizer = exampleTokenizer
    candidates = try Dictionary(
      uniqueKeysWithValues: specifications.enumerated().filter { $1.prediction == .rankClassification }.map {
        ($0, try exampleTokenizer.answers($1.prompt.labels, task: $1.name))
      })
    var jobs: [(task: Int, split: DataSplit)] = []
    for (task, specification) in specifications.enumerated() {
      if splits.contains(.train) { jobs.append((task, .train)) }
      if splits.contains(.test), specification.test != nil { jobs.append((task, .test)) }
    }
    var prepared: [Int: TokenizedTask] = [:]
    for (place, job) in jobs.enumerated() where ranks.map({ place % $0.count == $0.rank }) ?? true {
      prepared[place] = try preparation.prepare(specifications[job.task], split: job.split)
    }
    try ranks?.world.barrier()
    for (place, job) in jobs.enumerated() where prepared[place] == nil {
      prepared[place] = try preparation.prepare(specifications[job.task], split: job.split)
    }
    self.specifications = specifications
    training = jobs.indices.filter { jobs[$0].split == .train }.map { prepared[$0]! }
    testing = jobs.indices.filter { jobs[$0].split == .test }.map { (jobs[$0].task, prepared[$0]!) }
    for (place, job) in jobs.enumerated() { try routes.requireRoutes(of: prepared[place]!, task: job.task) }
  }

  /// The same tokens for another adapter.
  ///
  /// - Parameter adapter: One that is not routed by task, as this one's: there tokens do not depend on it.
  func with(adapter: AdapterConfiguration?) throws -> TaskAssembly {
    var result = self
    result.routes = try TaskRoutes(specifications, adapter: adapter)
    precondition(result.routes.lineNames == routes.lineNames, "tokens of tasks that the adapter calls otherwise")
    return result
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
      if report.skipped > 0 { notes.append("\(place): \(report.skipped) examples have a label of skip_labels") }
      if let split = report.labelSplit {
        let counts = split.counts.map { "\($0.examples) \($0.label)" }.joined(separator: ", ")
        notes.append("\(place): split leaves \(split.examples) of \(split.total) examples: \(counts)")
      }
      if report.cutSources > 0 {
        notes.append("\(place): \(report.cutSources) of \(report.examples) prompts are cut to fit max_seq_length")
      }
      if report.cutTargets > 0 {
        let options = tokenizer.options
        let limit = options.answerRoom < options.maxTargetLength ? "half of max_seq_length" : "max_target_length"
        notes.append("\(place): \(report.cutTargets) of \(report.examples) answers are cut to \(limit)")
      }
      return notes + (report.note.map { ["\(place): \($0)"] } ?? [])
    }
  }
}
