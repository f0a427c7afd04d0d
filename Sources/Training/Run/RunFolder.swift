import Adapters
import Checkpoints
import Foundation
import Tokenizers

/// A run's output folder, as rank 0 keeps it.
struct RunFolder {
  let url: URL
  /// The folder whose config.json and tokenizer files go with a FULL model.
  let modelFolder: ModelFolder
  /// Where the tokenizer comes from, if there is one.
  let tokenizerFolder: URL?

  static let recipeName = "recipe.yaml"
  static let weightsName = "model.safetensors"
  private static let configurationName = "config.json"
  private static let modelNames = [configurationName, "generation_config.json"]

  /// Creates the folder unless it is there, and takes its lock, without which nothing in it may be touched.
  ///
  /// - Parameters:
  ///   - announce: Called with a line before a wait.
  ///   - remark: Called with a line for the run's log.
  /// - Throws: ``RunError``, such as ``RunError/locked(folder:holder:since:)``.
  func take(for recipe: Recipe, announce: (String) -> Void, remark: (String) -> Void) throws -> RunLock {
    try requireInputsElsewhere(recipe)
    return try preparing {
      try FileSystem.createFolder(url)
      let environment = ProcessInfo.processInfo.environment
      var timing = RunLockTiming()
      // The job that is started again may still be on its way out, on a host that is cut off.
      if environment["POLYAD_RESTART"] != nil { timing.patience = .seconds(60) }
      return try RunLock.take(
        url, job: RunLockRecord.job(of: environment), timing: timing, announce: announce, remark: remark)
    }
  }

  /// Makes the folder, whose lock is held, ready for a run: fresh, or with a checkpoint to go on from.
  ///
  /// - Parameters:
  ///   - dataDigests: Every training set's digest, in the recipe's order.
  ///   - remark: Called with what the user should know, such as a checkpoint that is damaged.
  /// - Returns: With `resume`, the newest good checkpoint, if there is one.
  /// - Throws: ``RunError``; the folder is then as it was.
  func open(
    for recipe: Recipe, dataDigests: [String], resume: Bool, overwrite: Bool, remark: (String) -> Void
  ) throws -> CheckpointFolder? {
    try preparing { try AtomicFolder.recover(in: url) }
    guard holdsRun else {
      if resume { remark("\(url.path) holds no run to resume; starting at step 0") }
      return nil
    }
    guard resume else {
      guard overwrite else { throw RunError.holdsRun(folder: url.path) }
      try preparing(clear)
      return nil
    }
    guard let newest = try CheckpointFolder.newestGood(in: url, onBad: remark) else {
      remark("\(url.path) holds no good checkpoint; starting at step 0")
      return nil
    }
    try requireSettings(of: recipe, in: newest)
    let old = try TrainerState(of: newest.url).dataDigests
    let changed = recipe.tasks.indices.filter { !old.indices.contains($0) || old[$0] != dataDigests[$0] }
    guard changed.isEmpty else {
      throw RunError.dataChanged(folder: url.path, tasks: changed.map { recipe.tasks[$0].name })
    }
    return newest
  }

  /// Throws if the run would remove or replace a folder it reads from: its own, or one of its checkpoints.
  private func requireInputsElsewhere(_ recipe: Recipe) throws {
    func parts(_ folder: URL) -> [String] { folder.resolvingSymlinksInPath().standardizedFileURL.pathComponents }
    let own = parts(url)
    let inputs = [
      ("model_name_or_path", modelFolder.url), ("tokenizer_name_or_path", tokenizerFolder),
      ("adapter.init_from", recipe.adapter.initFrom.map { URL(filePath: $0) }),
    ]
    for (key, folder) in inputs {
      guard let input = folder.map(parts), input.starts(with: own) else { continue }
      if input.count == own.count || input[own.count].hasPrefix("checkpoint-") {
        throw RunError.holdsInput(folder: url.path, key: key)
      }
    }
  }

  /// Runs `body`; what it throws becomes a fault of output_dir.
  func preparing<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as RunError { throw error } catch {
      throw RunError.unwritable(folder: url.path, reason: "\(error)")
    }
  }

  private var holdsRun: Bool {
    FileSystem.isFile(url.appending(path: Self.recipeName)) || !((try? CheckpointFolder.list(in: url)) ?? []).isEmpty
  }

  /// Throws unless the run may go on with `recipe`. The folder's recipe.yaml says what differs; where it is lost, the
  /// checkpoint still tells whether anything does.
  private func requireSettings(of recipe: Recipe, in checkpoint: CheckpointFolder) throws {
    let differences: [String]
    if let old = try? Recipe.load(url.appending(path: Self.recipeName)) {
      differences = old.differences(to: recipe).map(\.description)
    } else {
      let isSame = try TrainerState(of: checkpoint.url).fingerprint == recipe.fingerprint
      differences = isSame ? [] : ["recipe.yaml there cannot be read, and the checkpoint was made with other settings"]
    }
    guard differences.isEmpty else { throw RunError.resumeDiffers(folder: url.path, differences: differences) }
  }

  /// Removes what an earlier run wrote, and nothing else.
  private func clear() throws {
    for checkpoint in try CheckpointFolder.list(in: url) { try AtomicFolder.remove(checkpoint.url) }
    // A model's other files are the run's only if the weights are.
    let isModel = FileSystem.isFile(url.appending(path: Self.weightsName))
    let written =
      [
        MetricsLog.fileName, RunLog.fileName, RunReporter.predictionsName, RunReporter.evaluationName, Self.recipeName,
        AdapterFolder.configurationName, AdapterFolder.weightsName,
      ] + (isModel ? [Self.weightsName] + Self.modelNames + Tokenizer.allFileNames : [])
    let manager = FileManager.default
    for name in try manager.contentsOfDirectory(atPath: url.path)
    where name.hasPrefix("events.out.tfevents.") || written.contains(name) {
      try manager.removeItem(at: url.appending(path: name))
    }
  }

  /// Writes a checkpoint, then removes the oldest beyond `limit`.
  func save(_ state: TrainerState, _ model: AdapterModel, _ optimizer: any Optimizer, limit: Int?) throws {
    let checkpoint = CheckpointFolder(in: url, step: state.step)
    try AtomicFolder.write(to: checkpoint.url, replaceExisting: true) { folder in
      try writeModel(model, to: folder)
      try state.write(optimizer, to: folder)
    }
    if let limit { try CheckpointFolder.prune(in: url, keeping: limit, knownGood: state.step) }
  }

  /// Puts the adapter, or the whole model, at the top of the run folder.
  func publish(_ model: AdapterModel) throws {
    try AtomicFolder.publishFiles(into: url) { try writeModel(model, to: $0) }
  }

  private func writeModel(_ model: AdapterModel, to folder: URL) throws {
    try AdapterFolder.write(model, to: folder)
    guard model.configuration?.peftType == .full else { return }
    for name in Self.modelNames { try copy(name, from: modelFolder.url, to: folder) }
    for name in Tokenizer.allFileNames { try copy(name, from: tokenizerFolder ?? modelFolder.url, to: folder) }
  }

  private func copy(_ name: String, from source: URL, to folder: URL) throws {
    let file = source.appending(path: name)
    guard name == Self.configurationName || FileSystem.isFile(file) else { return }
    try FileSystem.atomicWrite(FileSystem.read(file), to: folder.appending(path: name))
  }
}
