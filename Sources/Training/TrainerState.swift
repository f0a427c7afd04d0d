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
  /// Real tokens trained on.
  public var tokenCount = 0
  /// The recipe's ``Recipe/fingerprint``.
  public var fingerprint = ""

  static let fileName = "trainer_state.json"
  static let optimizerName = "optimizer.safetensors"

  public init() {}

  enum CodingKeys: String, CodingKey {
    case step
    case skippedSteps = "skipped_steps"
    case skippedInARow = "skipped_in_a_row"
    case updateCount = "update_count"
    case tokenCount = "token_count"
    case fingerprint
  }

  /// Writes state and moments into a checkpoint being made.
  func write(_ optimizer: AdamW, _ parameters: TrainableParameters, to folder: URL) throws {
    let moments = [("exp_avg.", optimizer.firstMoments), ("exp_avg_sq.", optimizer.secondMoments)].flatMap {
      (prefix, values) in
      parameters.entries.map {
        (
          name: prefix + $0.name, shape: $0.shape,
          values: UnsafeBufferPointer<Float>(UnsafeMutableBufferPointer(rebasing: values[$0.range]))
        )
      }
    }
    try SafetensorsWriter.write(to: folder.appending(path: Self.optimizerName), tensors: moments)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileSystem.atomicWrite(encoder.encode(self), to: folder.appending(path: Self.fileName))
  }

  /// Reads state and moments of a checkpoint.
  static func read(_ folder: URL, into optimizer: AdamW, _ parameters: TrainableParameters) throws -> TrainerState {
    let file = folder.appending(path: fileName)
    guard let state = try? JSONDecoder().decode(TrainerState.self, from: FileSystem.read(file)) else {
      throw RunError.badState(file: file.path, reason: "not a trainer state; remove this checkpoint to use the one before")
    }
    let moments = try SafetensorsFile(folder.appending(path: optimizerName))
    for entry in parameters.entries {
      for (prefix, values) in [("exp_avg.", optimizer.firstMoments), ("exp_avg_sq.", optimizer.secondMoments)] {
        try moments.require(prefix + entry.name, shape: entry.shape)
        try moments.copyFloats(prefix + entry.name, into: UnsafeMutableBufferPointer(rebasing: values[entry.range]))
      }
    }
    optimizer.updateCount = state.updateCount
    return state
  }
}
