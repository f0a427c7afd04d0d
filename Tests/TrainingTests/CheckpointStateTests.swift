import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// What a checkpoint keeps beside the adapter: the place in the run and the optimizer's arrays.
struct CheckpointStateTests {
  private func parameters(_ shape: [Int] = [2, 3]) -> TrainableParameters {
    let parameters = TrainableParameters([.init(name: "a", shape: shape), .init(name: "b", shape: [4])])
    for index in 0..<parameters.count { parameters.gradients[index] = Float(index) - 3.5 }
    return parameters
  }

  private func state() -> TrainerState {
    var state = TrainerState()
    (state.step, state.skippedSteps, state.skippedInARow, state.updateCount) = (12, 2, 1, 10)
    (state.tokenCount, state.fingerprint) = (12_345_678_901, "abc")
    state.dataDigests = ["def", "123"]
    return state
  }

  /// An optimizer that has made ten updates.
  private func optimizer(_ parameters: TrainableParameters) -> AdamW {
    let optimizer = AdamW(parameters, options: AdamW.Options())
    for _ in 0..<10 { optimizer.update(learningRate: 0.1, gradientScale: 0.3) }
    return optimizer
  }

  @Test func theRunGoesOnWhereItWas() throws {
    try withTemporaryFolder { folder in
      let parameters = parameters(), saved = optimizer(parameters)
      try state().write(saved, to: folder)
      let other = AdamW(parameters, options: AdamW.Options())
      #expect(try TrainerState.read(folder, into: other) == state())
      #expect(other.counters == OptimizerCounters(updates: 10))
      #expect(Array(other.firstMoments) == Array(saved.firstMoments))
      #expect(Array(other.secondMoments) == Array(saved.secondMoments))
    }
  }

  /// Three tasks with a row each, of which a sparse optimizer has seen two.
  private func sparse(isSparse: Bool = true) -> AdamW {
    let parameters = TrainableParameters([.init(name: "a", shape: [3, 2], taskRows: .init(first: 0, perTask: 1))])
    var options = AdamW.Options()
    options.isSparse = isSparse
    return AdamW(parameters, options: options)
  }

  @Test func eachTasksUpdatesAreKept() throws {
    try withTemporaryFolder { folder in
      let saved = sparse(), other = sparse()
      for tasks in [[0], [0, 2], [2], [0]] { saved.update(learningRate: 0.1, gradientScale: 1, routes: tasks) }
      var state = state()
      state.updateCount = 4
      try state.write(saved, to: folder)
      state.taskUpdateCounts = [3, 0, 2]
      #expect(try TrainerState.read(folder, into: other) == state)
      #expect(other.counters == OptimizerCounters(updates: 4, routeUpdates: [3, 0, 2]))
    }
  }

  @Test func updateCountsOfOtherTasksAreRefused() throws {
    try withTemporaryFolder { folder in
      let saved = sparse(isSparse: false), other = sparse()
      try state().write(saved, to: folder)
      let error = #expect(throws: RunError.self) { try TrainerState.read(folder, into: other) }
      #expect(
        error?.description
          == "\(folder.path)/trainer_state.json: update counts of 0 tasks, but the adapter keeps those of 3; remove "
          + "this checkpoint to use the one before")
    }
  }

  @Test func theFilesUsePlainNames() throws {
    try withTemporaryFolder { folder in
      try state().write(optimizer(parameters()), to: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
          "optimizer.safetensors", "trainer_state.json",
        ])
      let moments = try SafetensorsFile(folder.appending(path: "optimizer.safetensors"))
      #expect(moments.names == ["exp_avg.a", "exp_avg.b", "exp_avg_sq.a", "exp_avg_sq.b"])
      let json = try JSONSerialization.jsonObject(
        with: Data(contentsOf: folder.appending(path: "trainer_state.json")))
      let keys = try #require(json as? [String: Any]).keys.sorted()
      #expect(
        keys == [
          "data_digests", "fingerprint", "skipped_in_a_row", "skipped_steps", "step", "token_count", "unreported",
          "unreported_tokens", "update_count",
        ])
    }
  }

  /// What a checkpoint holds beside the adapter is a file format: names and keys as they were first written.
  @Test func aCheckpointOfBeforeIsTakenUp() throws {
    try withTemporaryFolder { folder in
      let arrays: [[Float]] = [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]]
      try arrays[0].withUnsafeBufferPointer { first in
        try arrays[1].withUnsafeBufferPointer { second in
          try SafetensorsWriter.write(
            to: folder.appending(path: "optimizer.safetensors"),
            tensors: [("exp_avg.a", [3, 2], first), ("exp_avg_sq.a", [3, 2], second)])
        }
      }
      let json = """
        {"data_digests": ["d"], "fingerprint": "f", "skipped_in_a_row": 0, "skipped_steps": 1, "step": 5,
         "task_update_counts": [3, 0, 2], "token_count": 60, "unreported": {"counts": [2], "losses": [0.5]},
         "unreported_tokens": 7, "update_count": 4}
        """
      try Data(json.utf8).write(to: folder.appending(path: "trainer_state.json"))
      let optimizer = sparse(), state = try TrainerState.read(folder, into: optimizer)
      #expect(state.step == 5 && state.tokenCount == 60 && state.unreported.losses == [0.5])
      #expect(optimizer.counters == OptimizerCounters(updates: 4, routeUpdates: [3, 0, 2]))
      #expect([optimizer.firstMoments, optimizer.secondMoments].map { Array($0) } == arrays)
    }
  }

  /// Nothing but an optimizer's own names decides what a checkpoint holds.
  @Test func anyOptimizersArraysAreKept() throws {
    try withTemporaryFolder { folder in
      let saved = RowOptimizer(), other = RowOptimizer()
      for step in 0..<3 { saved.update(learningRate: Double(step), gradientScale: 1) }
      try state().write(saved, to: folder)
      let file = try SafetensorsFile(folder.appending(path: "optimizer.safetensors"))
      #expect(file.names == ["columns.a", "rows.a", "vector.b"])
      #expect(try TrainerState.read(folder, into: other).updateCount == 3)
      #expect(other.counters == saved.counters)
      #expect(other.state.map { Array($0.values) } == saved.state.map { Array($0.values) })
    }
  }

  @Test func momentsOfAnotherShapeAreRefused() throws {
    try withTemporaryFolder { folder in
      try state().write(optimizer(parameters()), to: folder)
      let others = AdamW(parameters([3, 2]), options: AdamW.Options())
      let file = folder.appending(path: "optimizer.safetensors").path
      #expect(
        throws: SafetensorsError.wrongShape(file: file, tensor: "exp_avg.a", expected: [3, 2], found: [2, 3])
      ) { try TrainerState.read(folder, into: others) }
    }
  }

  @Test func aStateThatCannotBeReadSaysWhatToDo() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "trainer_state.json")
      try Data("{\"step\": \"twelve\"}".utf8).write(to: file)
      let error = #expect(throws: RunError.self) {
        try TrainerState.read(folder, into: AdamW(parameters(), options: AdamW.Options()))
      }
      #expect(
        error?.description
          == "\(file.path): not a trainer state; remove this checkpoint to use the one before")
    }
  }
}

/// An optimizer whose arrays have other shapes than the parameters: a number a row, a number a column.
private final class RowOptimizer: Optimizer {
  var counters = OptimizerCounters()
  let state: [OptimizerArray] = [("rows.a", 3), ("columns.a", 5), ("vector.b", 2)].map { name, count in
    let values = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    values.initialize(repeating: 0)
    return OptimizerArray(name: name, shape: [count], values: values)
  }

  deinit { for array in state { array.values.deallocate() } }

  func update(learningRate: Double, gradientScale: Double, routes: [Int]) {
    counters.updates += 1
    for array in state {
      for index in array.values.indices { array.values[index] += Float(learningRate) + Float(index) }
    }
  }
}
