import Checkpoints
import Foundation
import Training

/// The runs of a verification, each a job of its own.
struct Verification {
  let recipe: RecipeOptions
  /// Of each run, at least 2.
  let steps: Int
  /// Where their folders lie.
  let folder: URL
  let place: LaunchPlace

  /// Trains with each number of ranks and threads from the start, then with each from the checkpoint that the one before
  /// it made halfway; the first goes on from the last's.
  ///
  /// - Throws: ``RankedRunError``, unless it is the ranks' fault, which is a result.
  func run(_ shapes: [(ranks: Int, threads: Int)]) throws -> [VerifiedRun] {
    var runs: [VerifiedRun] = []
    for (place, shape) in shapes.enumerated() {
      runs.append(try train(shape, in: "start-\(place)", resuming: nil))
    }
    for (place, shape) in shapes.enumerated() {
      let before = (place + shapes.count - 1) % shapes.count
      // What failed has left nothing to go on from.
      guard runs[before].bytes != nil else { continue }
      let name = "resumed-\(place)"
      try copyHalf(of: "start-\(before)", to: name)
      runs.append(try train(shape, in: name, resuming: runs[before].shape))
    }
    return runs
  }

  private func train(
    _ shape: (ranks: Int, threads: Int), in name: String, resuming resumed: VerifiedRun.Shape?
  ) throws -> VerifiedRun {
    let output = folder.appending(path: name)
    let settings = (recipe.overrides + ["output_dir=\(output.path)"]).flatMap { ["--set", $0] }
    let job = try RankedRun(
      ["train", recipe.recipe] + settings + ["--rehearse", "\(steps)"] + (resumed == nil ? [] : ["--resume"]),
      ranks: shape.ranks, threads: shape.threads, on: place)
    let own = VerifiedRun.Shape(ranks: shape.ranks, threads: shape.threads, hosts: job.hosts?.count ?? 1)
    CommandOutput.message("\(own), " + (resumed.map { "resumed from the half of \($0)" } ?? "from the start"))
    if let note = job.placement.note { CommandOutput.message("note: \(note)") }
    let outcome = try job.run()
    guard outcome.exitCode == 0 else {
      let error = job.failure(outcome)
      // What is wrong with the call, the data or the model is no difference between ranks.
      guard error.code == .rank else { throw error }
      return VerifiedRun(shape: own, resumed: resumed, outcome: .failed(reason: error.reason))
    }
    guard FileSystem.isFolder(output) else {
      throw UsageError(
        "\(output.path) was written on another host: list this host in \(place.path ?? "the hostfile"), or name "
          + "a folder that all hosts share with --output")
    }
    return VerifiedRun(shape: own, resumed: resumed, outcome: .written(try .init(of: output, steps: steps)))
  }

  /// A run folder as it was when its first checkpoint was written.
  private func copyHalf(of name: String, to copy: String) throws {
    let source = folder.appending(path: name), target = folder.appending(path: copy)
    let half = CheckpointFolder(in: source, step: Recipe.rehearsedHalf(of: steps)).url.lastPathComponent
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    for file in ["recipe.yaml", MetricsLog.fileName, half] {
      try FileManager.default.copyItem(at: source.appending(path: file), to: target.appending(path: file))
    }
  }
}
