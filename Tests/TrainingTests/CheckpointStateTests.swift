import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@testable import Training

/// What a checkpoint keeps beside the adapter: the place in the run and the optimizer's moments.
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
      try state().write(saved, parameters, to: folder)
      let other = AdamW(parameters, options: AdamW.Options())
      #expect(try TrainerState.read(folder, into: other, parameters) == state())
      #expect(other.updateCount == 10)
      #expect(Array(other.firstMoments) == Array(saved.firstMoments))
      #expect(Array(other.secondMoments) == Array(saved.secondMoments))
    }
  }

  /// Three tasks with a row each, of which a sparse optimizer has seen two.
  private func sparse(isSparse: Bool = true) -> (TrainableParameters, AdamW) {
    let parameters = TrainableParameters([.init(name: "a", shape: [3, 2], taskRows: .init(first: 0, perTask: 1))])
    var options = AdamW.Options()
    options.isSparse = isSparse
    return (parameters, AdamW(parameters, options: options))
  }

  @Test func eachTasksUpdatesAreKept() throws {
    try withTemporaryFolder { folder in
      let (parameters, saved) = sparse(), (_, other) = sparse()
      for tasks in [[0], [0, 2], [2], [0]] { saved.update(learningRate: 0.1, gradientScale: 1, tasks: tasks) }
      var state = state()
      state.updateCount = 4
      try state.write(saved, parameters, to: folder)
      state.taskUpdateCounts = [3, 0, 2]
      #expect(try TrainerState.read(folder, into: other, parameters) == state)
      #expect(other.taskUpdateCounts == [3, 0, 2] && other.updateCount == 4)
    }
  }

  @Test func updateCountsOfOtherTasksAreRefused() throws {
    try withTemporaryFolder { folder in
      let (parameters, saved) = sparse(isSparse: false), (_, other) = sparse()
      try state().write(saved, parameters, to: folder)
      let error = #expect(throws: RunError.self) { try TrainerState.read(folder, into: other, parameters) }
      #expect(
        error?.description
          == "\(folder.path)/trainer_state.json: update counts of 0 tasks, but the adapter keeps those of 3; remove "
          + "this checkpoint to use the one before")
    }
  }

  @Test func theFilesUsePlainNames() throws {
    try withTemporaryFolder { folder in
      let parameters = parameters()
      try state().write(optimizer(parameters), parameters, to: folder)
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

  @Test func momentsOfAnotherShapeAreRefused() throws {
    try withTemporaryFolder { folder in
      let parameters = parameters(), others = self.parameters([3, 2])
      try state().write(optimizer(parameters), parameters, to: folder)
      let file = folder.appending(path: "optimizer.safetensors").path
      #expect(
        throws: SafetensorsError.wrongShape(file: file, tensor: "exp_avg.a", expected: [3, 2], found: [2, 3])
      ) { try TrainerState.read(folder, into: AdamW(others, options: AdamW.Options()), others) }
    }
  }

  @Test func aStateThatCannotBeReadSaysWhatToDo() throws {
    try withTemporaryFolder { folder in
      let parameters = parameters(), file = folder.appending(path: "trainer_state.json")
      try Data("{\"step\": \"twelve\"}".utf8).write(to: file)
      let error = #expect(throws: RunError.self) {
        try TrainerState.read(folder, into: AdamW(parameters, options: AdamW.Options()), parameters)
      }
      #expect(
        error?.description
          == "\(file.path): not a trainer state; remove this checkpoint to use the one before")
    }
  }
}
