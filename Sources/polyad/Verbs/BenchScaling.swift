import ArgumentParser
import Foundation
import JSON
import Training

/// `polyad bench scaling`.
struct BenchScaling: LaunchingCommand {
  static let configuration = CommandConfiguration(
    commandName: "scaling",
    abstract: "Measures steps on several numbers of ranks and threads, and what more of them bring.",
    discussion: """
      Starts mpirun itself, round after round, so that a machine that becomes slower meanwhile decides nothing. Strong \
      scaling (default) has the same batches and parts at every number of ranks, of a recipe its own; in weak scaling \
      each rank keeps its batch. The options of the steps are those of bench step.
      """)
  static let name = "bench scaling"

  @OptionGroup var options: StepOptions
  @Option(
    help: "Numbers of ranks, such as 1,2,4. Default: 1 and its doubles, as far as there are cores or slots.",
    transform: CountList.parse)
  var ranks: CountList?
  @Option(help: "Numbers of threads of a rank, such as 1,2. Default: 1.", transform: CountList.parse)
  var threads = CountList(values: [1])
  @Flag(help: "The same batches and parts at every number of ranks: the default.")
  var strong = false
  @Flag(help: "The same batch a rank: of a recipe, its batch and parts are those of the fewest ranks.")
  var weak = false
  @Option(help: "An Open MPI hostfile: the ranks fill its hosts in their order.", completion: .file())
  var hostfile: String?
  @Option(help: "How often everything is measured.")
  var rounds = 3
  @Option(help: "An SVG of the speed-up against the ideal.", completion: .file(extensions: ["svg"]))
  var plot: String?

  func validate() throws {
    if strong && weak { throw ValidationError("--strong and --weak exclude each other") }
    guard rounds > 0 else { throw ValidationError("--rounds must be above 0") }
  }

  private var kind: ScalingKind { weak ? .weak : .strong }

  func launch() throws {
    try OutputTarget.requireWritable(plot, option: "--plot")
    let place = try LaunchPlace(hostfile: hostfile)
    let counts = ranks?.values ?? Self.doubles(upTo: place.slots ?? LaunchPlace.ownCores)
    let recipe = try options.loadRecipe()
    if let recipe { try requireParts(of: recipe, counts) }
    let jobs = try counts.flatMap { count in
      try threads.values.map { threads in
        try RankedRun(
          ["bench", "step"] + words(rankCount: count, counts, recipe) + ["--json", "--skip-peak"], ranks: count,
          threads: threads, on: place)
      }
    }
    let report = ScalingReport(name: options.name, kind: kind, points: try measure(jobs))
    if let plot { try Data(report.plot.svg.utf8).write(to: URL(filePath: plot)) }
    if options.subject.json { return try CommandOutput.result(report.json) }
    try CommandOutput.result(([report.heading, ""] + report.table.lines).joined(separator: "\n"))
    for note in report.notes { CommandOutput.message("note: \(note)") }
  }

  /// 1, 2, 4 … and no more than `limit`.
  static func doubles(upTo limit: Int) -> [Int] {
    Array(sequence(first: 1) { $0 * 2 }.prefix { $0 <= max(limit, 1) })
  }

  private func requireParts(of recipe: Recipe, _ counts: [Int]) throws {
    let most = counts.max() ?? 1, least = counts.min() ?? 1
    try recipe.requireParts(forRanks: weak ? least : most)
    if weak, let odd = counts.first(where: { $0 % least != 0 }) {
      throw UsageError("--weak: \(odd) ranks are no multiple of \(least), so the recipe's batch cannot grow with them")
    }
  }

  /// The options of `bench step` for so many ranks.
  private func words(rankCount: Int, _ all: [Int], _ recipe: Recipe?) -> [String] {
    guard let recipe else {
      let batch = kind.batch(
        (options.batch, min(options.microBatches, options.batch)), rankCount: rankCount, among: all)
      return options.words(batch: batch)
    }
    let factor = weak ? rankCount / (all.min() ?? 1) : 1
    return options.words(
      settings: factor == 1
        ? []
        : [
          "train_batch_size=\(recipe.trainBatchSize * factor)", "micro_batches=\(recipe.microBatches * factor)",
        ])
  }

  /// Runs every job in every round, each round in the other order than the one before.
  private func measure(_ jobs: [RankedRun]) throws -> [ScalingPoint] {
    var points = jobs.map { job in
      ScalingPoint(
        ranks: job.rankCount, threads: job.threadCount ?? 1, hosts: job.hosts?.count ?? 1, note: job.placement.note)
    }
    for round in 0..<rounds {
      for place in round % 2 == 0 ? Array(jobs.indices) : jobs.indices.reversed() {
        let outcome = try jobs[place].runToSuccess()
        guard let report = try? JSONDecoder().decode(JSONValue.self, from: Data(outcome.standardOutput.utf8)),
          let sample = ScalingPoint.Sample(report)
        else {
          throw RankedRunError.failed(
            rankCount: jobs[place].rankCount, code: 5, reason: "no measurement came from it")
        }
        points[place].samples.append(sample)
        CommandOutput.message(
          "round \(round + 1) of \(rounds): \(points[place].ranks) rank(s) of \(points[place].threads) thread(s), "
            + "\(Formatting.number(sample.tokensPerSecond)) tokens/s")
      }
    }
    return points
  }
}
