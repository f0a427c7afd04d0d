import Checkpoints
import Foundation

/// What rank 0 says and writes while a run goes on: the live line, train.log, metrics.jsonl, TensorBoard events,
/// evaluation files.
final class RunReporter {
  private let folder: URL
  private let log: RunLog
  private let metrics: MetricsLog
  private let events: EventFile
  private let console: ProgressLine
  private let totalSteps, stepsPerEpoch: Int
  private let taskNames: [String]
  /// Sums since the last reported step.
  private var window: LossSums
  private var windowTokens = 0
  private var windowStart = ContinuousClock.now
  private var windowSteps = 0

  init(
    _ folder: URL, console: ProgressLine, resumingAfter step: Int?, totalSteps: Int, stepsPerEpoch: Int,
    taskNames: [String]
  ) throws {
    (self.folder, self.console, self.totalSteps, self.stepsPerEpoch) = (folder, console, totalSteps, stepsPerEpoch)
    self.taskNames = taskNames
    log = try RunLog(folder: folder, console: console, isNew: step == nil)
    metrics = try MetricsLog(folder: folder, resumingAfter: step)
    events = try EventFile(folder: folder, resumingAfter: step)
    window = LossSums(taskCount: taskNames.count)
  }

  func say(_ text: String) throws { try log.append(text) }

  /// Takes note of a step; a reported one gets its lines.
  func step(
    _ state: TrainerState, _ outcome: TrainingStep.Outcome, learningRate: Double, phases: PhaseTimer, isReported: Bool
  ) throws {
    for task in taskNames.indices {
      window.losses[task] += outcome.sums.losses[task]
      window.counts[task] += outcome.sums.counts[task]
    }
    windowTokens += outcome.tokenCount
    windowSteps += 1
    let seconds = (ContinuousClock.now - windowStart) / .seconds(1)
    let rate = Double(windowTokens) / seconds
    let eta = seconds / Double(windowSteps) * Double(totalSteps - state.step)
    try log.progress(
      RunProgress(
        step: state.step, totalSteps: totalSteps, loss: window.mean, learningRate: learningRate, tokensPerSecond: rate,
        etaSeconds: eta), isReported: isReported)
    guard isReported else { return }
    let record = TrainingRecord(
      step: state.step, epoch: epoch(state), loss: window.mean,
      taskLosses: taskNames.indices.filter { window.counts[$0] > 0 }.map {
        NamedValue(taskNames[$0], window.losses[$0] / window.counts[$0])
      },
      learningRate: learningRate, gradientNorm: outcome.gradientNorm, tokens: windowTokens, tokensPerSecond: rate,
      skippedSteps: state.skippedSteps, etaSeconds: eta,
      phaseSeconds: PhaseTimer.Phase.allCases.map { NamedValue($0.rawValue, phases.seconds[$0] ?? 0) })
    try metrics.append(record.json)
    try events.append(step: state.step, record.scalars)
    startWindow(phases)
  }

  private func startWindow(_ phases: PhaseTimer) {
    window = LossSums(taskCount: taskNames.count)
    (windowTokens, windowSteps, windowStart) = (0, 0, ContinuousClock.now)
    phases.reset()
  }

  private func epoch(_ state: TrainerState) -> Double { Double(state.step) / Double(stepsPerEpoch) }

  func evaluating(_ share: Double) {
    console.show("evaluating \(Formatting.percent(share))", isLast: false)
  }

  /// Writes an evaluation's files and shows its table.
  func evaluation(_ record: EvaluationRecord, _ result: Evaluator.Result) throws {
    try metrics.append(record.json)
    try events.append(step: record.step, record.scalars)
    let evaluations = folder.appending(path: "evaluation")
    try FileSystem.createFolder(evaluations)
    try FileSystem.atomicWrite(
      Data((record.json.text + "\n").utf8), to: evaluations.appending(path: "\(record.step).json"))
    try FileSystem.atomicWrite(result.predictionLines(), to: folder.appending(path: "predictions.jsonl"))
    console.clear()
    try log.append(record.table)
    windowStart = .now
  }
}

extension Evaluator.Result {
  /// The predictions as JSON lines.
  public func predictionLines() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try predictions.reduce(into: Data()) { $0 += try encoder.encode($1) + [UInt8(ascii: "\n")] }
  }
}
