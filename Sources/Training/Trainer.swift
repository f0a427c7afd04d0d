import Adapters
import Checkpoints
import Foundation
import MessagePassing
import Tasks
import Tensors

/// A training run over all ranks: steps, reports, checkpoints, evaluations, resumption.
public final class Trainer {
  /// How a run ended.
  public enum Ending: Sendable, Equatable {
    case completed
    /// A signal asked for it; everything is saved.
    case stopped
  }

  /// Steps in a row without a finite gradient that end the run.
  static let skipLimit = 10

  public let recipe: Recipe
  public let assembly: ModelAssembly
  public let tasks: TaskAssembly
  public let totalSteps: Int
  private let ranks: Ranks
  private let plan: BatchPlan
  private let schedule: LearningRateSchedule
  private let step: TrainingStep
  private let evaluator: Evaluator?
  private let folder: RunFolder
  private var state = TrainerState()
  private var newestCheckpoint: CheckpointFolder?
  private var reporter: RunReporter?
  /// The newest scores, on rank 0.
  public private(set) var lastEvaluation: EvaluationRecord?

  /// Builds a run's parts. Collective.
  ///
  /// - Throws: ``RunError``, or an error of the recipe's model, adapter or data.
  public init(_ recipe: Recipe, assembly: ModelAssembly, ranks: Ranks) throws {
    (self.recipe, self.assembly, self.ranks) = (recipe, assembly, ranks)
    step = try TrainingStep(assembly.model, recipe: recipe, taskCount: recipe.tasks.count, ranks: ranks)
    tasks = try TaskAssembly(
      recipe, tokenizer: assembly.tokenizer, tokenizerFile: assembly.tokenizer?.file,
      vocabularySize: assembly.model.backbone.head.vocabularySize, splits: [.train, .test], ranks: ranks)
    plan = try BatchPlan(
      exampleLengths: tasks.training.map(\.exampleLengths), mixing: recipe.mixing,
      weights: recipe.tasks.map(\.weight), trainBatchSize: recipe.trainBatchSize, microBatches: recipe.microBatches,
      seed: UInt64(bitPattern: Int64(recipe.seed)))
    totalSteps = recipe.totalSteps(stepsPerEpoch: plan.stepsPerEpoch)
    schedule = recipe.learningRateSchedule(totalSteps: totalSteps)
    evaluator =
      if let tokenizer = assembly.tokenizer, !tasks.testing.isEmpty {
        Evaluator(
          assembly.model, objective: step.objective, tokenizer: tokenizer, tasks: tasks,
          options: recipe.evaluationOptions(maximumLength: recipe.maxSeqLength), ranks: ranks)
      } else {
        nil
      }
    folder = RunFolder(
      url: URL(filePath: recipe.outputDir), modelFolder: assembly.folder,
      tokenizerFolder: assembly.tokenizer?.file.deletingLastPathComponent())
    state.fingerprint = recipe.fingerprint
  }

  public var stepsPerEpoch: Int { plan.stepsPerEpoch }
  /// Steps done, skipped ones included.
  public var finishedSteps: Int { state.step }
  public var skippedSteps: Int { state.skippedSteps }

  /// Prepares the run folder and, with `resume`, takes up the newest good checkpoint. Collective.
  public func open(resume: Bool, overwrite: Bool, console: ProgressLine) throws {
    var step = Int64(-1)
    if ranks.isMain {
      newestCheckpoint = try prepareFolder(resume: resume, overwrite: overwrite, console: console)
      step = Int64(newestCheckpoint?.step ?? -1)
    }
    step = try ranks.world.broadcast(step)
    if step >= 0 {
      let checkpoint = CheckpointFolder(in: folder.url, step: Int(step))
      newestCheckpoint = checkpoint
      try AdapterFolder.loadValues(of: assembly.model, from: checkpoint.url)
      state = try TrainerState.read(checkpoint.url, into: self.step.optimizer, assembly.model.parameters)
      state.fingerprint = recipe.fingerprint
    }
    if ranks.isMain {
      reporter = try RunReporter(
        folder.url, console: console, resumingAfter: step >= 0 ? Int(step) : nil, totalSteps: totalSteps,
        stepsPerEpoch: plan.stepsPerEpoch, taskNames: recipe.tasks.map(\.name))
      try FileSystem.atomicWrite(
        Data(recipe.resolvedYAML().utf8), to: folder.url.appending(path: RunFolder.recipeName))
      if step >= 0 { try reporter?.say("resumed from \(newestCheckpoint!.url.path) at step \(step) of \(totalSteps)") }
    }
    try requireEqualReplicas()
  }

  private func prepareFolder(resume: Bool, overwrite: Bool, console: ProgressLine) throws -> CheckpointFolder? {
    do { try FileSystem.createFolder(folder.url) } catch {
      throw RunError.unwritable(folder: folder.url.path, reason: "\(error)")
    }
    try AtomicFolder.recover(in: folder.url)
    guard folder.holdsRun else { return nil }
    guard resume else {
      guard overwrite else { throw RunError.holdsRun(folder: folder.url.path) }
      try folder.clear()
      return nil
    }
    let file = folder.url.appending(path: RunFolder.recipeName)
    if FileSystem.isFile(file) {
      let differences = try Recipe.load(file).differences(to: recipe)
      guard differences.isEmpty else {
        throw RunError.resumeDiffers(folder: folder.url.path, differences: differences.map(\.description))
      }
    }
    let newest = try CheckpointFolder.newestGood(in: folder.url) { console.print("polyad: \($0)") }
    if newest == nil { console.print("polyad: \(folder.url.path) holds no good checkpoint yet; starting at step 0") }
    return newest
  }

  /// Runs the steps that are left. Collective.
  public func run() throws -> Ending {
    if recipe.evalOnStart, state.step == 0, try !evaluate() { return try stop() }
    while state.step < totalSteps {
      let outcome = try step.run(
        plan.step(state.step), training: tasks.training, learningRate: schedule.rate(at: state.step))
      try account(for: outcome)
      let isLast = state.step == totalSteps
      try reporter?.step(
        state, outcome, learningRate: schedule.rate(at: state.step - 1), phases: step.objective.phases,
        isReported: state.step % recipe.loggingSteps == 0 || isLast)
      if outcome.stopRequested { return try stop() }
      if isLast || recipe.saveSteps.map({ state.step % $0 == 0 }) ?? false { try save() }
      if isLast || recipe.evalSteps.map({ state.step % $0 == 0 }) ?? false, try !evaluate() { return try stop() }
    }
    if ranks.isMain { try saving(folder.url) { try folder.publish(assembly.model) } }
    try ranks.world.barrier()
    return .completed
  }

  private func account(for outcome: TrainingStep.Outcome) throws {
    state.step += 1
    state.tokenCount += outcome.tokenCount
    state.updateCount = step.optimizer.updateCount
    state.skippedInARow = outcome.wasSkipped ? state.skippedInARow + 1 : 0
    guard outcome.wasSkipped else { return }
    state.skippedSteps += 1
    try reporter?.say("step \(state.step): loss or gradient is not finite; the step is skipped (\(state.skippedSteps) so far)")
    guard state.skippedInARow < Self.skipLimit else {
      throw RunError.notFinite(step: state.step, count: state.skippedInARow, checkpoint: newestCheckpoint?.url.path)
    }
  }

  private func stop() throws -> Ending {
    if newestCheckpoint?.step != state.step { try save() }
    try reporter?.say("stopped by a signal at step \(state.step) of \(totalSteps); continue with --resume")
    return .stopped
  }

  private func save() throws {
    try requireEqualReplicas()
    guard ranks.isMain else {
      newestCheckpoint = CheckpointFolder(in: folder.url, step: state.step)
      return
    }
    let target = CheckpointFolder(in: folder.url, step: state.step).url
    newestCheckpoint = try saving(target) {
      try folder.save(state, assembly.model, step.optimizer, limit: recipe.saveTotalLimit)
    }
    try reporter?.say("saved \(target.path)")
  }

  private func saving<Result>(_ target: URL, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch {
      throw RunError.saveFailed(folder: target.path, reason: "\(error)", lastGood: newestCheckpoint?.url.path)
    }
  }

  /// Scores the test sets; false if the job was asked to stop meanwhile.
  private func evaluate() throws -> Bool {
    guard let evaluator else { return true }
    let start = ContinuousClock.now
    let result = try evaluator.run { [reporter] in reporter?.evaluating($0) }
    let stopped = try ranks.world.allReduce(StopSignal.isSet ? Int32(1) : 0, .max) > 0
    if let result, ranks.isMain {
      let record = EvaluationRecord(
        step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch), tasks: result.tasks,
        seconds: (ContinuousClock.now - start) / .seconds(1))
      lastEvaluation = record
      try reporter?.evaluation(record, result)
    }
    return !stopped
  }

  /// Compares a checksum of the trained numbers over all ranks.
  private func requireEqualReplicas() throws {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for value in assembly.model.parameters.values {
      hash = (hash ^ UInt64(value.bitPattern)) &* 0x100_0000_01B3
    }
    let all = try ranks.world.allGather(Int64(bitPattern: hash))
    guard all.allSatisfy({ $0 == all[0] }) else { throw RunError.ranksDiffer(step: state.step) }
  }

  /// The start's table: patterns, modules matched, numbers trained.
  public var parameterTable: Table {
    var table = Table(columns: [
      .init("pattern"), .init("modules", .right), .init("example"), .init("parameters", .right), .init("share", .right),
    ])
    let whole = assembly.model.backboneParameterCount
    for match in assembly.model.matches {
      table.append([
        match.pattern, Formatting.count(match.modules.count), match.modules.first ?? "",
        Formatting.count(match.parameterCount), Formatting.percent(Double(match.parameterCount) / Double(whole)),
      ])
    }
    let count = assembly.model.parameters.count
    table.append(["all", "", "", Formatting.count(count), Formatting.percent(Double(count) / Double(whole))])
    return table
  }
}

extension Recipe {
  /// How this recipe's test sets are decoded.
  public func evaluationOptions(maximumLength: Int) -> Evaluator.Options {
    Evaluator.Options(
      maximumNewTokens: min(maxNewTokens, maximumLength - 1), maximumLength: maximumLength, batchSize: evalBatchSize)
  }
}
