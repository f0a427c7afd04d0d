import Adapters
import Backbones
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
  let evaluator: Evaluator?
  private let folder: RunFolder
  private var state: TrainerState
  private var newestCheckpoint: CheckpointFolder? {
    didSet { Activity.setRemedy(RunError.lastCheckpoint(newestCheckpoint?.url.path)) }
  }
  private var reporter: RunReporter?
  /// On rank 0, from ``open(resume:overwrite:introduction:console:echoesLastScores:)`` to ``close()``.
  private var lock: RunLock?
  /// The newest scores, on rank 0.
  public private(set) var lastEvaluation: EvaluationRecord?

  /// Builds a run's parts. Collective.
  ///
  /// - Throws: ``RunError``, or an error of the recipe's model, adapter or data.
  public init(_ recipe: Recipe, assembly: ModelAssembly, ranks: Ranks) throws {
    (self.recipe, self.assembly, self.ranks) = (recipe, assembly, ranks)
    try recipe.requireParts(forRanks: ranks.count)
    try recipe.requireUse(by: assembly.model)
    tasks = try TaskAssembly(
      recipe, adapter: assembly.model.configuration, tokenizer: assembly.tokenizer,
      inputs: ModelInputs(assembly.model.backbone), splits: [.train, .test], ranks: ranks)
    try Agreement.require(tasks.facts, ranks)
    try tasks.requireHeads(of: assembly.model)
    var options = TrainingStep.Options(recipe)
    options.followsRankZero = !ranks.processorDifferences.isEmpty
    options.sharesPrefixes = recipe.sharesPrefixes(
      adapter: assembly.model.configuration, architecture: assembly.model.backbone.architecture)
    try Self.requireOneStart(assembly.model.parameters, ranks)
    step = try TrainingStep(assembly.model, routes: tasks.routes, options: options, ranks: ranks)
    plan = try tasks.batchPlan(of: recipe, sharesPrefixes: options.sharesPrefixes)
    totalSteps = recipe.totalSteps(stepsPerEpoch: plan.stepsPerEpoch)
    schedule = recipe.learningRateSchedule(totalSteps: totalSteps)
    evaluator =
      tasks.testing.isEmpty
      ? nil
      : Evaluator(
        assembly.model, objective: step.objective, tokenizer: assembly.tokenizer, tasks: tasks,
        options: recipe.evaluationOptions, ranks: ranks)
    folder = RunFolder(
      url: URL(filePath: recipe.outputDir), modelFolder: assembly.folder,
      tokenizerFolder: assembly.tokenizer?.file.deletingLastPathComponent())
    // Rank 0 alone writes and compares checkpoints.
    state = TrainerState(
      fingerprint: recipe.fingerprint, dataDigests: ranks.isMain ? tasks.training.map(\.digest) : [],
      accountCount: tasks.routes.accountCount)
  }

  /// Releases what MPI holds, when all is done. Collective.
  public func free() throws { try step.free() }

  public var stepsPerEpoch: Int { plan.stepsPerEpoch }
  /// Steps done, skipped ones included.
  public var finishedSteps: Int { state.step }
  public var skippedSteps: Int { state.skippedSteps }

  /// Takes the run folder's lock, prepares the folder and, with `resume`, takes up the newest good checkpoint. Collective.
  ///
  /// - Parameters:
  ///   - introduction: Lines for the start of the run's log.
  ///   - echoesLastScores: Whether the console shows the table of the last step's scores as well.
  public func open(
    resume: Bool, overwrite: Bool, introduction: [String], console: ProgressLine, echoesLastScores: Bool
  ) throws {
    var step = Int64(-1)
    if ranks.isMain {
      let checkpoint = try openFolder(resume: resume, overwrite: overwrite, introduction, console, echoesLastScores)
      step = Int64(checkpoint?.step ?? -1)
    }
    step = try ranks.world.broadcast(step)
    if step >= 0 {
      let checkpoint = CheckpointFolder(in: folder.url, step: Int(step))
      newestCheckpoint = checkpoint
      state = try TrainerState.take(checkpoint.url, assembly.model, self.step.optimizer, ranks)
      try say("resumed from \(checkpoint.url.path) at step \(step) of \(totalSteps)")
    }
    try requireSoundReplicas()
    if newestCheckpoint == nil { Activity.setRemedy(RunError.lastCheckpoint(nil)) }
    if ranks.isMain {
      Watch.current?.setRecord { [url = folder.url, lock] line in
        // Another job's log is not this one's to write.
        if (try? lock?.requireOwn()) != nil { try? RunLog.add(line, in: url) }
      }
    }
  }

  private func openFolder(
    resume: Bool, overwrite: Bool, _ introduction: [String], _ console: ProgressLine, _ echoesLastScores: Bool
  ) throws -> CheckpointFolder? {
    var remarks: [String] = []
    lock = try folder.take(for: recipe, announce: console.print) { remarks.append($0) }
    let checkpoint = try folder.open(
      for: recipe, dataDigests: state.dataDigests, resume: resume, overwrite: overwrite
    ) { remarks.append($0) }
    try folder.preparing {
      try FileSystem.atomicWrite(
        Data(recipe.resolvedYAML().utf8), to: folder.url.appending(path: RunFolder.recipeName))
      let reporter = try RunReporter(
        folder.url, console: console, resumingAfter: checkpoint?.step, totalSteps: totalSteps,
        stepsPerEpoch: plan.stepsPerEpoch, taskNames: recipe.tasks.map(\.name), echoesLastScores: echoesLastScores)
      for line in introduction + remarks { try reporter.say(line) }
      self.reporter = reporter
    }
    return checkpoint
  }

  /// Gives the run folder free for other jobs, however the run ended.
  public func close() {
    if ranks.isMain { Watch.current?.setRecord(nil) }
    lock?.release()
  }

  /// Runs the steps that are left. Collective.
  public func run() throws -> Ending {
    if try isEvaluationMissing(), try !evaluate() { return try stop() }
    while state.step < totalSteps {
      Activity.begin(.step, step: state.step + 1)
      let outcome = try step.run(
        plan.step(state.step), training: tasks.training, learningRate: schedule.rate(at: state.step))
      try record(outcome)
      if outcome.stopRequested { return try stop() }
      if recipe.checkSteps.map({ state.step % $0 == 0 }) ?? false { try requireEqualReplicas() }
      // What a skipped step leaves may be what broke it: it must not push better checkpoints out.
      if isDue(every: recipe.saveSteps), state.skippedInARow == 0 || state.step == totalSteps { try save() }
      if isDue(every: recipe.evalSteps), try !evaluate() { return try stop() }
    }
    Activity.begin(.saving)
    try lock?.requireOwn(isSaving: true)
    if ranks.isMain { try saving(folder.url) { try folder.publish(assembly.model) } }
    try ranks.world.barrier()
    return .completed
  }

  /// Whether the step just done is the last, or one of every `period`.
  private func isDue(every period: Int?) -> Bool {
    state.step == totalSteps || period.map { state.step % $0 == 0 } ?? false
  }

  /// Whether the scores that belong to the present step are not in the run folder: at the start, or when a run was
  /// stopped after a checkpoint and before its evaluation.
  private func isEvaluationMissing() throws -> Bool {
    guard state.step == 0 ? recipe.evalOnStart : isDue(every: recipe.evalSteps) else { return false }
    let file = RunReporter.evaluationFile(step: state.step, in: folder.url)
    return try ranks.world.broadcast(FileSystem.isFile(file) ? Int32(0) : 1) > 0
  }

  private func record(_ outcome: TrainingStep.Outcome) throws {
    state.add(outcome)
    if outcome.wasSkipped {
      try say("step \(state.step): loss or gradient is not finite; the step is skipped (\(state.skippedSteps) so far)")
    }
    let isReported = isDue(every: recipe.loggingSteps)
    try report {
      try $0.step(
        state, outcome, learningRate: schedule.rate(at: state.step - 1), phases: step.phases,
        isReported: isReported)
    }
    if isReported { state.startReport() }
    guard state.skippedInARow < Self.skipLimit else {
      throw RunError.notFinite(step: state.step, count: state.skippedInARow, checkpoint: newestCheckpoint?.url.path)
    }
  }

  private func stop() throws -> Ending {
    if newestCheckpoint?.step != state.step { try save() }
    try say("stopped by a signal at step \(state.step) of \(totalSteps); continue with --resume")
    return .stopped
  }

  private func save() throws {
    Activity.begin(.saving)
    try requireSoundReplicas()
    try lock?.requireOwn(isSaving: true)
    let target = CheckpointFolder(in: folder.url, step: state.step)
    if ranks.isMain {
      try saving(target.url) {
        try folder.save(state, assembly.model, step.optimizer, limit: recipe.saveTotalLimit)
      }
    }
    newestCheckpoint = target
    try say("saved \(target.url.path)")
  }

  /// Runs `body`; what it throws says which checkpoint is left.
  private func saving(_ target: URL, _ body: () throws -> Void) throws {
    do { try body() } catch {
      throw RunError.saveFailed(path: target.path, reason: "\(error)", checkpoint: newestCheckpoint?.url.path)
    }
  }

  private func report(_ body: (RunReporter) throws -> Void) throws {
    guard let reporter else { return }
    try lock?.requireOwn()
    try saving(folder.url) { try body(reporter) }
  }

  private func say(_ text: String) throws { try report { try $0.say(text) } }

  /// Scores the test sets; false if the job was asked to stop meanwhile.
  private func evaluate() throws -> Bool {
    guard let evaluator else { return true }
    let start = ContinuousClock.now
    let result = try evaluator.run { [reporter] in reporter?.evaluating($0) }
    if let result {
      let record = EvaluationRecord(
        step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch), tasks: result.tasks,
        seconds: (ContinuousClock.now - start) / .seconds(1))
      lastEvaluation = record
      try report { try $0.evaluation(record, result) }
    }
    return try ranks.world.broadcast(result == nil ? Int32(0) : 1) > 0
  }

  /// Throws unless the trained numbers are finite and, by a checksum, the same on all ranks.
  private func requireSoundReplicas() throws {
    let values = assembly.model.parameters.values
    guard values.sumOfSquares.isFinite else {
      throw RunError.parametersNotFinite(step: state.step, checkpoint: newestCheckpoint?.url.path)
    }
    try requireEqualReplicas()
  }

  private func requireEqualReplicas() throws {
    try ReplicaCheck(parameters: assembly.model.parameters, ranks: ranks)
      .require(step: state.step, checkpoint: newestCheckpoint?.url.path)
  }
}
