import MessagePassing
import ModelTestSupport
import Tensors
import Testing

@testable import Training

/// Optimizer steps of parameters with rows of six tasks, from made-up gradients, on the ranks of a job: each step's
/// batch has some of the tasks, and only what these touch travels.
struct TaskRowRuns {
  let world: Communicator

  private static let partCount = 5
  private static let batches = [[4], [0, 2, 3], [], [0, 1, 2, 3, 4, 5], [3], [1, 5], [1, 5]]

  private func parameters(isRestricted: Bool) -> TrainableParameters {
    let parameters = TrainableParameters([
      .init(name: "a", shape: [2 + 6, 5], taskRows: .init(first: 2, perTask: 1)),
      .init(name: "b", shape: [12, 3], role: .upProjection, taskRows: .init(first: 0, perTask: 2)),
      .init(name: "shared", shape: [3, 3]),
      .init(name: "router", shape: [6, 2], role: .router, taskRows: .init(first: 0, perTask: 1)),
    ])
    // Nothing shared: a batch without these tasks' rows reduces nothing at all.
    if isRestricted { parameters.restrictTraining(to: [12..<20, 46..<60, 90..<97]) }
    RandomKey(seed: 3).fillNormal(parameters.values, standardDeviation: 1)
    return parameters
  }

  /// One part's gradient: numbers of very different size where `tasks` touch, zero elsewhere.
  private func gradient(_ parameters: TrainableParameters, _ tasks: [Int], part: Int, step: Int) -> [Float] {
    var drawn = [Float](repeating: 0, count: parameters.count), result = drawn
    drawn.withUnsafeMutableBufferPointer {
      RandomKey(seed: UInt64(part)).child(UInt64(step)).fillNormal($0, standardDeviation: part % 2 == 0 ? 1000 : 0.01)
    }
    for index in parameters.ranges(touchedBy: tasks).joined() { result[index] = drawn[index] }
    return result
  }

  /// The values after all steps, dense and sparse, everything trained and some frozen.
  func run() throws -> [Float] {
    try [(false, false), (false, true), (true, false), (true, true)].flatMap { isSparse, isRestricted in
      let parameters = parameters(isRestricted: isRestricted)
      var options = AdamW.Options()
      (options.groups.weightDecay, options.groups.upProjectionRateFactor) = (0.1, 2)
      options.isSparse = isSparse
      let optimizer = AdamW(parameters, options: options)
      let ordered = try OrderedReduction(parameters.gradients, partCount: Self.partCount, world)
      let plain = PlainReduction(parameters.gradients, partCount: Self.partCount, world)
      for (step, tasks) in Self.batches.enumerated() {
        let gradients = (0..<Self.partCount).map { gradient(parameters, tasks, part: $0, step: step) }
        let whole = neighbourSum(gradients) { zip($0, $1).map { $0 + $1 } }
        try reduce(plain, parameters, tasks, gradients)
        // The same addends in another order.
        #expect(relativeDistance(parameters.gradients, whole) < 1e-5)
        try reduce(ordered, parameters, tasks, gradients)
        #expect(Array(parameters.gradients) == whole)
        optimizer.update(learningRate: 0.01, gradientScale: 1, routes: tasks)
      }
      return Array(parameters.values)
    }
  }

  private func reduce(
    _ reduction: any GradientReduction, _ parameters: TrainableParameters, _ tasks: [Int], _ gradients: [[Float]]
  ) throws {
    parameters.zeroGradients()
    let touched = parameters.ranges(touchedBy: tasks)
    try reduction.begin([touched])
    #expect(reduction.reducedByteCount == 4 * touched.joined().count)
    for part in ReductionTree(partCount: Self.partCount, rankCount: world.size).span(of: world.rank) {
      for (index, value) in gradients[part].enumerated() { parameters.gradients[index] += value }
      try reduction.add(part: part)
    }
    try reduction.finish()
  }
}
