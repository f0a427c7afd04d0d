import Checkpoints
import Foundation

/// Where a run stands, beside its weights and the optimizer's arrays: what trainer_state.json holds.
public struct TrainerState: Codable, Sendable, Equatable {
  /// Steps done, skipped ones included: the place in the data and in the schedule.
  public var step = 0
  /// Steps skipped because a loss or gradient was not finite.
  public var skippedSteps = 0
  /// How many of the newest steps were skipped in a row.
  public var skippedInARow = 0
  /// Updates the optimizer has made, as of the checkpoint.
  public var updateCount = 0
  /// With `sparse_updates`, each of the adapter's tasks' part of them; nil without.
  public var taskUpdateCounts: [Int]?
  /// Real tokens trained on.
  public var tokenCount = 0
  /// Losses and labels since the last reported step, skipped steps left out.
  public var unreported = LossSums(accountCount: 0)
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
  init(fingerprint: String, dataDigests: [String], accountCount: Int) {
    (self.fingerprint, self.dataDigests) = (fingerprint, dataDigests)
    unreported = LossSums(accountCount: accountCount)
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
      skippedInARow = 0
      unreported.add(outcome.sums)
    }
  }

  /// Begins to add up anew, after a report.
  mutating func startReport() {
    unreported = LossSums(accountCount: unreported.losses.count)
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

  /// The optimizer's part of the state.
  fileprivate(set) var counters: OptimizerCounters {
    get { OptimizerCounters(updates: updateCount, routeUpdates: taskUpdateCounts) }
    set { (updateCount, taskUpdateCounts) = (newValue.updates, newValue.routeUpdates) }
  }

  /// Writes the state and the optimizer's into a checkpoint being made.
  func write(_ optimizer: any Optimizer, to folder: URL) throws {
    let arrays = optimizer.state.map {
      (name: $0.name, shape: $0.shape, values: UnsafeBufferPointer($0.values))
    }
    try SafetensorsWriter.write(to: folder.appending(path: Self.optimizerName), tensors: arrays)
    var state = self
    state.counters = optimizer.counters
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileSystem.atomicWrite(encoder.encode(state), to: folder.appending(path: Self.fileName))
  }

  /// Reads the state of a checkpoint, and the optimizer's into `optimizer`.
  ///
  /// - Throws: ``RunError/badState(file:reason:)`` or `SafetensorsError`.
  static func read(_ checkpoint: URL, into optimizer: any Optimizer) throws -> TrainerState {
    let state = try TrainerState(of: checkpoint)
    let found = state.counters.routeUpdates?.count ?? 0, expected = optimizer.counters.routeUpdates?.count ?? 0
    guard found == expected else {
      throw RunError.badState(
        file: checkpoint.appending(path: fileName).path,
        reason: "update counts of \(found) tasks, but the adapter keeps those of \(expected); remove this checkpoint "
          + "to use the one before")
    }
    let file = try SafetensorsFile(checkpoint.appending(path: optimizerName))
    for array in optimizer.state {
      try file.require(array.name, shape: array.shape)
      try file.copyFloats(array.name, into: array.values)
    }
    optimizer.counters = state.counters
    return state
  }
}
