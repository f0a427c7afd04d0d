import Adapters
import Checkpoints
import Foundation
import Tensors

/// Where a run stands, beside its weights and moments: what trainer_state.json holds.
public struct TrainerState: Codable, Sendable, Equatable {
  /// Steps done, skipped ones included: the place in the data and in the schedule.
  public var step = 0
  /// Steps skipped because a loss or gradient was not finite.
  public var skippedSteps = 0
  /// How many of the newest steps were skipped in a row.
  public var skippedInARow = 0
  /// Updates the optimizer has made.
  public var updateCount = 0
  /// With `sparse_updates`, each task's part of them; nil without.
  public var taskUpdateCounts: [Int]?
  /// Real tokens trained on.
  public var tokenCount = 0
  /// Losses and labels since the last reported step, skipped steps left out.
  public var unreported = LossSums(taskCount: 0)
  /// Real tokens since the last reported step.
  public var unreportedTokens = 0
  /// The recipe's ``Recipe/fingerprint``.
  public var fingerprint = ""
  /// Every training set's digest, in the recipe's order.
  public var dataDigests: [String] = []

  static let fileName = "trainer_state.json"
  static let optimizerName = "optimizer.safetensors"

  public init() {}

  /// The start of a run.
  init(fingerprint: String, dataDigests: [String], taskCount: Int) {
    (self.fingerprint, self.dataDigests) = (fingerprint, dataDigests)
    unreported = LossSums(taskCount: taskCount)
  }

  enum CodingKeys: String, CodingKey {
    case step, unreported, fingerprint
    case dataDigests = "data_digests"
    case skippedSteps = "skipped_steps"
    case skippedInARow = "skipped_in_a_row"
    case updateCount = "update_count"
    case taskUpdateCounts = "task_update_counts"
    case tokenCount = "token_count"
    case unreportedTokens = "unreported_tokens"
  }

  /// Takes note of one more step.
  mutating func add(_ outcome: TrainingStep.Outcome) {
    step += 1
    tokenCount += outcome.tokenCount
    unreportedTokens += outcome.tokenCount
    if outcome.wasSkipped {
      skippedSteps += 1
      skippedInARow += 1
    } else {
      updateCount += 1
      skippedInARow = 0
      unreported.add(outcome.sums)
    }
  }

  /// Begins to add up anew, after a report.
  mutating func startReport() {
    unreported = LossSums(taskCount: unreported.losses.count)
    unreportedTokens = 0
  }

  /// Reads the state of a checkpoint.
  ///
  /// - Throws: ``RunError/badState(file:reason:)``.
  init(of checkpoint: URL) throws {
    let file = checkpoint.appending(path: Self.fileName)
    guard let state = try? JSONDecoder().decode(TrainerState.self, from: FileSystem.read(file)) else {
      throw RunError.badState(
        file: file.path, reason: "not a trainer state; remove this checkpoint to use the one before")
    }
    self = state
  }

  /// Writes state and moments into a checkpoint being made.
  func write(_ optimizer: AdamW, _ parameters: TrainableParameters, to folder: URL) throws {
    let moments = Self.moments(optimizer, parameters).map {
      (name: $0.name, shape: $0.shape, values: UnsafeBufferPointer($0.values))
    }
    try SafetensorsWriter.write(to: folder.appending(path: Self.optimizerName), tensors: moments)
    var state = self
    state.taskUpdateCounts = optimizer.options.isSparse ? optimizer.taskUpdateCounts : nil
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileSystem.atomicWrite(encoder.encode(state), to: folder.appending(path: Self.fileName))
  }

  /// Reads state and moments of a checkpoint.
  ///
  /// - Throws: ``RunError/badState(file:reason:)`` or `SafetensorsError`.
  static func read(
    _ checkpoint: URL, into optimizer: AdamW, _ parameters: TrainableParameters
  ) throws -> TrainerState {
    let state = try TrainerState(of: checkpoint)
    let taskUpdateCounts = state.taskUpdateCounts ?? []
    guard taskUpdateCounts.count == optimizer.taskUpdateCounts.count else {
      throw RunError.badState(
        file: checkpoint.appending(path: fileName).path,
        reason: "update counts of \(taskUpdateCounts.count) tasks, but the adapter keeps those of "
          + "\(optimizer.taskUpdateCounts.count); remove this checkpoint to use the one before")
    }
    let file = try SafetensorsFile(checkpoint.appending(path: optimizerName))
    for moment in moments(optimizer, parameters) {
      try file.require(moment.name, shape: moment.shape)
      try file.copyFloats(moment.name, into: moment.values)
    }
    (optimizer.updateCount, optimizer.taskUpdateCounts) = (state.updateCount, taskUpdateCounts)
    return state
  }

  /// Every parameter's two moments, under PyTorch's names for them.
  private static func moments(
    _ optimizer: AdamW, _ parameters: TrainableParameters
  ) -> [(name: String, shape: [Int], values: UnsafeMutableBufferPointer<Float>)] {
    [("exp_avg.", optimizer.firstMoments), ("exp_avg_sq.", optimizer.secondMoments)].flatMap { prefix, values in
      parameters.entries.map {
        (prefix + $0.name, $0.shape, UnsafeMutableBufferPointer(rebasing: values[$0.range]))
      }
    }
  }
}
