import Adapters
import Checkpoints
import Foundation
import MessagePassing
import Tensors

/// How a run takes up a checkpoint, which rank 0 alone needs to see.
extension Trainer {
  /// The configuration in the checkpoint that a resumed run will take up, where the recipe's model cannot be built
  /// without it: nil if it starts from no other adapter, or there is no checkpoint. Rank 0 reads it. Collective.
  public static func configurationToResume(_ recipe: Recipe, _ ranks: Ranks) throws -> AdapterConfiguration? {
    guard recipe.adapter.initFrom != nil else { return nil }
    var written: AdapterFolder.WrittenConfiguration?
    if ranks.isMain {
      // A damaged checkpoint is spoken of when the run folder is opened; until then the folder may be another job's.
      let newest = try CheckpointFolder.newestGood(in: URL(filePath: recipe.outputDir), recovers: false) { _ in }
      written = try newest.map { try AdapterFolder.writtenConfiguration($0.url) }
    }
    return try ranks.broadcast(written).map(AdapterFolder.configuration)
  }

  /// Throws unless training starts from the same numbers everywhere. Where processors differ, numbers drawn at random may
  /// too, and all ranks take rank 0's. Collective.
  static func requireOneStart(_ parameters: TrainableParameters, _ ranks: Ranks) throws {
    if !ranks.processorDifferences.isEmpty { try ranks.world.broadcast(parameters.values) }
    try Agreement.require(parameters.facts, ranks)
  }
}

extension Ranks {
  /// Rank 0's value. Collective.
  func broadcast<Value: Codable>(_ value: Value) throws -> Value {
    let bytes = try world.broadcast(isMain ? Array(JSONEncoder().encode(value)) : [])
    return isMain ? value : try JSONDecoder().decode(Value.self, from: Data(bytes))
  }
}

extension TrainerState {
  /// Puts a checkpoint's numbers into the model and the optimizer of every rank; rank 0 reads it. Collective.
  ///
  /// - Throws: What ``read(_:into:)`` or loading the adapter throws, on rank 0.
  static func take(
    _ checkpoint: URL, _ model: AdapterModel, _ optimizer: any Optimizer, _ ranks: Ranks
  ) throws -> TrainerState {
    var state = TrainerState()
    if ranks.isMain {
      try AdapterFolder.loadValues(of: model, from: checkpoint)
      state = try read(checkpoint, into: optimizer)
    }
    state = try ranks.broadcast(state)
    try ranks.world.broadcast(model.parameters.values)
    for array in optimizer.state { try ranks.world.broadcast(array.values) }
    optimizer.counters = state.counters
    return state
  }
}
