import Tensors
import Testing

/// Which numbers a batch of some tasks can give a gradient.
struct TrainableRangesTests {
  /// Three tasks: 2 shared rows of 4 numbers and 2 own rows a task (0 ..< 32); 3 shared numbers (32 ..< 35); a row of 2
  /// numbers a task (35 ..< 41); rows of no length (41 ..< 41); no row of a task's own (41 ..< 47).
  private func parameters() -> TrainableParameters {
    TrainableParameters([
      .init(name: "a", shape: [8, 4], taskRows: .init(first: 2, perTask: 2)), .init(name: "b", shape: [3]),
      .init(name: "router", shape: [3, 2], role: .router, taskRows: .init(first: 0, perTask: 1)),
      .init(name: "empty", shape: [3, 0], taskRows: .init(first: 0, perTask: 1)),
      .init(name: "none", shape: [2, 3], taskRows: .init(first: 2, perTask: 0)),
    ])
  }

  @Test func everythingTrainsAtFirst() {
    let parameters = parameters()
    #expect(parameters.trainedRanges == [0..<47] && parameters.trainedCount == 47 && parameters.taskCount == 3)
    #expect(TrainableParameters([]).trainedRanges == [] && TrainableParameters([]).taskCount == 0)
  }

  @Test func aBatchTouchesSharedRowsAndThoseOfItsTasks() {
    let parameters = parameters()
    #expect(parameters.ranges(touchedBy: []) == [0..<8, 32..<35, 41..<47])
    #expect(parameters.ranges(touchedBy: [1]) == [0..<8, 16..<24, 32..<35, 37..<39, 41..<47])
    #expect(parameters.ranges(touchedBy: [2, 0, 2]) == [0..<16, 24..<37, 39..<47])
    #expect(parameters.ranges(touchedBy: [0, 1, 2]) == [0..<47])
  }

  @Test func aTasksOwnRowsLieBehindTheSharedOnes() {
    let parameters = parameters()
    #expect(
      (0..<3).map { parameters.ranges(ofTask: $0) } == [
        [8..<16, 35..<37], [16..<24, 37..<39], [24..<32, 39..<41],
      ])
    #expect(parameters.entry("a")?.sharedRange == 0..<8 && parameters.entry("b")?.sharedRange == 32..<35)
    #expect(parameters.entry("b")?.rows(ofTask: 7) == nil && parameters.entry("none")?.taskCount == 0)
  }

  @Test func withoutRowsOfTasksEveryBatchTouchesEverything() {
    let parameters = TrainableParameters([.init(name: "a", shape: [2, 2])])
    #expect(parameters.ranges(touchedBy: [99]) == [0..<4] && parameters.ranges(ofTask: 99) == [])
  }

  @Test func whatIsFrozenIsNeverTouched() {
    let parameters = parameters()
    parameters.restrictTraining(to: [35..<41, 30..<33, 20..<22, 22..<24, 5..<5])
    #expect(parameters.trainedRanges == [20..<24, 30..<33, 35..<41] && parameters.trainedCount == 13)
    #expect(parameters.ranges(touchedBy: [1]) == [20..<24, 32..<33, 37..<39])
    #expect(parameters.ranges(touchedBy: [0, 2]) == [30..<33, 35..<37, 39..<41])
    #expect(parameters.ranges(ofTask: 1) == [20..<24, 37..<39] && parameters.count == 47)
  }

  @Test func gradientsOfABatchAreZeroedFrozenOnesIncluded() {
    let parameters = parameters()
    parameters.restrictTraining(to: [32..<35])
    parameters.gradients.update(repeating: 1)
    parameters.zeroGradients(touchedBy: [1])
    #expect(
      parameters.gradients.indices.filter { parameters.gradients[$0] != 0 } == Array(8..<16) + [Int](24..<32)
        + [35, 36, 39, 40])
  }
}
