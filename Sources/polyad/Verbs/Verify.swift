import ArgumentParser
import Checkpoints
import Foundation
import JSON
import Training

/// `polyad verify`.
struct Verify: LaunchingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Trains a few steps on several numbers of ranks and threads, and compares the bytes.",
    discussion: """
      Starts mpirun itself. Each number of ranks and threads trains from the start and, a second time, goes on from the \
      checkpoint that another one made halfway. Weights and optimizer are compared by SHA-256; what differs ends with \
      exit code 5. Test sets are left out, and the recipe's output_dir is not touched.
      """)
  static let name = "verify"

  @OptionGroup var recipeOptions: RecipeOptions
  @Option(help: "Numbers of ranks, such as 1,2,4.", transform: CountList.parse)
  var ranks = CountList(values: [1, 2])
  @Option(help: "Numbers of threads of a rank, such as 1,2. Default: 1.", transform: CountList.parse)
  var threads = CountList(values: [1])
  @Option(help: "Steps of each run, at least 2.")
  var steps = 4
  @Option(help: "An Open MPI hostfile: the ranks fill its hosts in their order.", completion: .file())
  var hostfile: String?
  @Option(help: "A new folder that keeps the runs. Default: they are removed.", completion: .directory)
  var output: String?
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard steps > 1 else { throw ValidationError("--steps must be at least 2: a run is resumed halfway") }
  }

  func launch() throws {
    let recipe = try recipeOptions.load()
    try recipe.requireParts(forRanks: ranks.values.max() ?? 1)
    if let output { try OutputTarget.requireNewFolder(output, option: "--output") }
    let place = try LaunchPlace(hostfile: hostfile)
    let folder =
      output.map { URL(filePath: $0) }
      ?? FileManager.default.temporaryDirectory.appending(path: "polyad-verify-\(UUID().uuidString)")
    defer { if output == nil { try? FileManager.default.removeItem(at: folder) } }
    let verification = Verification(recipe: recipeOptions, steps: steps, folder: folder, place: place)
    let shapes = ranks.values.flatMap { ranks in threads.values.map { (ranks: ranks, threads: $0) } }
    let report = VerificationReport(
      recipe: recipeOptions.recipe, steps: steps, runs: try verification.run(shapes),
      isOrdered: recipe.reduction == .ordered)
    if json {
      try CommandOutput.result(report.json)
    } else {
      try CommandOutput.result(report.table)
      if report.agree { try CommandOutput.result("\n" + report.conclusion) }
    }
    if !report.agree { throw VerificationError(report) }
  }
}
