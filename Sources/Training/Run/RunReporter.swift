import Backbones
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
  private let echoesLastScores: Bool
  /// Steps and their tokens that this process made since the last reported one, and when the first of them began.
  private var windowSteps = 0
  private var windowTokens = 0
  private var windowStart = ContinuousClock.now

  static let predictionsName = "predictions.jsonl"
  static let evaluationName = "evaluation"

  init(
    _ folder: URL, console: ProgressLine, resumingAfter step: Int?, totalSteps: Int, stepsPerEpoch: Int,
    taskNames: [String], echoesLastScores: Bool
  ) throws {
    (self.folder, self.console, self.totalSteps, self.stepsPerEpoch) = (folder, console, totalSteps, stepsPerEpoch)
    (self.taskNames, self.echoesLastScores) = (taskNames, echoesLastScores)
    log = try RunLog(folder: folder, console: console, isNew: step == nil)
    metrics = try MetricsLog(folder: folder, resumingAfter: step)
    events = try EventFile(folder: folder, resumingAfter: step)
  }

  func say(_ text: String) throws { try log.append(text) }

  /// Takes note of a step; a reported one gets its lines.
  func step(
    _ state: TrainerState, _ outcome: TrainingStep.Outcome, learningRate: Double, phases: PhaseTimer, isReported: Bool
  ) throws {
    let sums = state.unreported
    windowTokens += outcome.tokenCount
    windowSteps += 1
    let seconds = (ContinuousClock.now - windowStart) / .seconds(1)
    let rate = Double(windowTokens) / seconds
    let eta = seconds / Double(windowSteps) * Double(totalSteps - state.step)
    try log.progress(
      RunProgress(
        step: state.step, totalSteps: totalSteps, loss: sums.mean, learningRate: learningRate, tokensPerSecond: rate,
        etaSeconds: eta), isReported: isReported)
    guard isReported else { return }
    let record = TrainingRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch), loss: sums.mean,
      taskLosses: taskNames.indices.filter { sums.counts[$0] > 0 }.map {
        NamedValue(taskNames[$0], sums.losses[$0] / sums.counts[$0])
      },
      learningRate: learningRate, gradientNorm: outcome.gradientNorm, reducedBytes: outcome.reducedBytes,
      routerBalance: outcome.routerBalance,
      tokens: state.unreportedTokens, tokensPerSecond: rate, skippedSteps: state.skippedSteps, etaSeconds: eta,
      phaseSeconds: phases.seconds.map { NamedValue($0.name, $0.seconds) })
    try metrics.append(record.json)
    try events.append(step: state.step, record.scalars)
    startWindow(phases)
  }

  private func startWindow(_ phases: PhaseTimer) {
    (windowTokens, windowSteps, windowStart) = (0, 0, ContinuousClock.now)
    phases.reset()
  }

  func evaluating(_ share: Double) {
    console.show("evaluating \(Formatting.percent(share))", isLast: false)
  }

  /// Where the scores after some step are written.
  static func evaluationFile(step: Int, in folder: URL) -> URL {
    folder.appending(path: "\(evaluationName)/\(step).json")
  }

  /// Writes an evaluation's files, the scores last, and shows its table.
  func evaluation(_ record: EvaluationRecord, _ result: Evaluator.Result) throws {
    try metrics.append(record.json)
    try events.append(step: record.step, record.scalars)
    try FileSystem.atomicWrite(result.predictionLines(), to: folder.appending(path: Self.predictionsName))
    try FileSystem.createFolder(folder.appending(path: Self.evaluationName))
    try FileSystem.atomicWrite(
      Data((record.json.text + "\n").utf8), to: Self.evaluationFile(step: record.step, in: folder))
    console.clear()
    try log.append(record.table, isEchoed: echoesLastScores || record.step < totalSteps)
    // The time an evaluation takes is no step's.
    windowStart += .seconds(record.seconds)
  }
}
