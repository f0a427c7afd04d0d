import Foundation
import Tensors
import Testing
import Training

/// The optimizer over a whole parameter buffer, against its definition in double precision.
struct AdamWTests {
  /// One parameter's updates as `torch.optim.AdamW` documents them, in double precision.
  private struct Reference {
    var rateFactor = 1.0, decay: Double
    private var m: [Double], v: [Double], step = 0.0

    init(count: Int, decay: Double, rateFactor: Double = 1) {
      (self.decay, self.rateFactor) = (decay, rateFactor)
      m = Array(repeating: 0, count: count)
      v = m
    }

    mutating func update(_ w: inout ArraySlice<Double>, _ gradient: some Sequence<Double>, rate: Double) {
      step += 1
      let rate = rate * rateFactor
      for (index, g) in gradient.enumerated() {
        let place = w.startIndex + index
        w[place] -= rate * decay * w[place]
        m[index] = 0.8 * m[index] + 0.2 * g
        v[index] = 0.9 * v[index] + 0.1 * g * g
        let denominator = (v[index] / (1 - pow(0.9, step))).squareRoot() + 1e-6
        w[place] -= rate / (1 - pow(0.8, step)) * m[index] / denominator
      }
    }
  }

  private var options: AdamW.Options {
    var options = AdamW.Options()
    (options.beta1, options.beta2, options.epsilon, options.groups.weightDecay) = (0.8, 0.9, 1e-6, 0.05)
    return options
  }

  /// Single precision rounds values near 1 by 6e-8; a dozen operations in each of a few updates.
  private let tolerance = 2e-6

  private func fill(_ parameters: TrainableParameters) {
    for index in 0..<parameters.count { parameters.values[index] = Float((index * 7) % 19) / 9 - 1 }
  }

  /// A gradient that differs from step to step.
  private func gradient(_ index: Int, _ step: Int) -> Float { Float((index * 5 + step * 3) % 11) - 4.5 }

  @Test func updatesAreCountedAndBiasCorrected() {
    let parameters = TrainableParameters([.init(name: "a", shape: [3, 5]), .init(name: "b", shape: [7])])
    fill(parameters)
    let optimizer = AdamW(parameters, options: options)
    var w = parameters.values.map(Double.init)[...], reference = Reference(count: w.count, decay: 0.05)
    for step in 1...4 {
      for index in 0..<parameters.count { parameters.gradients[index] = gradient(index, step) }
      optimizer.update(learningRate: 0.1 / Double(step), gradientScale: 0.25)
      #expect(optimizer.counters == OptimizerCounters(updates: step))
      reference.update(&w, parameters.gradients.map { Double($0) / 4 }, rate: 0.1 / Double(step))
    }
    for index in w.indices { #expect(abs(Double(parameters.values[index]) - w[index]) < tolerance) }
  }

  @Test func groupsHaveRatesAndDecaysOfTheirOwn() {
    let declarations: [TrainableParameters.Declaration] = [
      .init(name: "a", shape: [3, 5]), .init(name: "b", shape: [2, 2], role: .upProjection),
      .init(name: "b2", shape: [2, 3], role: .upProjection), .init(name: "vector", shape: [7]),
      .init(name: "router", shape: [2, 4], role: .router), .init(name: "flat router", shape: [3], role: .router),
      .init(name: "last", shape: [1, 5]),
    ]
    let factorsAndDecays = [(1, 0.05), (16, 0.05), (16, 0.05), (16, 0.05), (0.5, 0), (0.5, 0), (1, 0.05)]
    let parameters = TrainableParameters(declarations)
    fill(parameters)
    var options = options
    (options.groups.upProjectionRateFactor, options.groups.routerRateFactor) = (16, 0.5)
    options.groups.routerWeightDecay = 0
    let optimizer = AdamW(parameters, options: options)
    var w = parameters.values.map(Double.init)
    var references = zip(declarations, factorsAndDecays).map {
      Reference(count: $0.count, decay: $1.1, rateFactor: $1.0)
    }
    for step in 1...4 {
      for index in 0..<parameters.count { parameters.gradients[index] = gradient(index, step) }
      optimizer.update(learningRate: 0.01, gradientScale: 1)
      for (number, entry) in parameters.entries.enumerated() {
        references[number].update(&w[entry.range], parameters.gradients[entry.range].map(Double.init), rate: 0.01)
      }
    }
    for index in w.indices { #expect(abs(Double(parameters.values[index]) - w[index]) < tolerance) }
  }

  @Test func groupsWithoutADifferenceHaveTheBitsOfNone() {
    func values(_ role: TrainableParameters.Role) -> [Float] {
      let parameters = TrainableParameters([
        .init(name: "a", shape: [3, 5]), .init(name: "b", shape: [7, 3], role: role),
      ])
      fill(parameters)
      for index in 0..<parameters.count { parameters.gradients[index] = gradient(index, 1) }
      AdamW(parameters, options: options).update(learningRate: 0.1, gradientScale: 0.3)
      return Array(parameters.values)
    }
    #expect(values(.router) == values(.weight) && values(.upProjection) == values(.weight))
  }

  /// Four tasks: 2 rows a task behind 1 shared row; a row a task of a router; a shared vector.
  private func taskParameters() -> TrainableParameters {
    let parameters = TrainableParameters([
      .init(name: "a", shape: [9, 3], taskRows: .init(first: 1, perTask: 2)),
      .init(name: "router", shape: [4, 2], role: .router, taskRows: .init(first: 0, perTask: 1)),
      .init(name: "shared", shape: [5]),
    ])
    fill(parameters)
    return parameters
  }

  private let batches = [[0, 2], [2], [1, 2], [0], [2, 1]]

  /// Gradients in the rows that `tasks` touch, and zero elsewhere.
  private func setGradients(_ parameters: TrainableParameters, _ tasks: [Int], _ step: Int) {
    parameters.zeroGradients()
    for index in parameters.ranges(touchedBy: tasks).joined() { parameters.gradients[index] = gradient(index, step) }
  }

  @Test func sparseUpdatesAreThoseOfAnOptimizerForEachTask() {
    let parameters = taskParameters()
    var options = options
    (options.isSparse, options.groups.routerRateFactor, options.groups.routerWeightDecay) = (true, 3, 0.5)
    let optimizer = AdamW(parameters, options: options)
    var w = parameters.values.map(Double.init)
    // One optimizer a range: what a task has of each parameter, and what all share of it.
    let own: [(range: Range<Int>, task: Int?)] = parameters.entries.flatMap { entry in
      [(entry.sharedRange, nil)] + (0..<entry.taskCount).map { (entry.rows(ofTask: $0)!, $0) }
    }
    let router = parameters.entry("router")!.range
    var references = own.map { piece in
      let isRouter = router.contains(piece.range.lowerBound)
      return Reference(count: piece.range.count, decay: isRouter ? 0.5 : 0.05, rateFactor: isRouter ? 3 : 1)
    }
    for (step, tasks) in batches.enumerated() {
      let before = Array(parameters.values), moments = Array(optimizer.secondMoments)
      setGradients(parameters, tasks, step)
      optimizer.update(learningRate: 0.01, gradientScale: 1, routes: tasks)
      for (number, piece) in own.enumerated() {
        guard piece.task.map(tasks.contains) ?? true else {
          #expect(Array(parameters.values[piece.range]) == Array(before[piece.range]))
          #expect(Array(optimizer.secondMoments[piece.range]) == Array(moments[piece.range]))
          continue
        }
        references[number].update(&w[piece.range], parameters.gradients[piece.range].map(Double.init), rate: 0.01)
      }
    }
    for index in w.indices { #expect(abs(Double(parameters.values[index]) - w[index]) < tolerance) }
    #expect(optimizer.counters == OptimizerCounters(updates: 5, routeUpdates: [2, 2, 4, 0]))
  }

  @Test func denseUpdatesMoveTasksThatTheBatchHasNothingOf() {
    let parameters = taskParameters(), optimizer = AdamW(parameters, options: options)
    var w = parameters.values.map(Double.init)[...], reference = Reference(count: w.count, decay: 0.05)
    for (step, tasks) in batches.enumerated() {
      setGradients(parameters, tasks, step)
      optimizer.update(learningRate: 0.01, gradientScale: 1, routes: tasks)
      reference.update(&w, parameters.gradients.map(Double.init), rate: 0.01)
    }
    for index in w.indices { #expect(abs(Double(parameters.values[index]) - w[index]) < tolerance) }
    #expect(optimizer.counters == OptimizerCounters(updates: 5))
  }

  @Test(arguments: [false, true]) func whatIsFrozenNeitherMovesNorDecays(isSparse: Bool) {
    let parameters = taskParameters()
    // A row of task 0, part of a shared vector.
    parameters.restrictTraining(to: [4..<6, 36..<38])
    var options = options
    options.isSparse = isSparse
    let optimizer = AdamW(parameters, options: options), before = Array(parameters.values)
    for index in 0..<parameters.count { parameters.gradients[index] = 1 }
    optimizer.update(learningRate: 0.01, gradientScale: 1, routes: [0, 3])
    #expect(before.indices.filter { parameters.values[$0] != before[$0] } == [4, 5, 36, 37])
  }

  @Test func theDefaultsAreHuggingFaces() {
    let options = AdamW.Options(), groups = options.groups
    #expect(options.beta1 == 0.9 && options.beta2 == 0.999 && options.epsilon == 1e-8 && groups.weightDecay == 0)
    #expect(groups.routerRateFactor == 1 && groups.upProjectionRateFactor == 1 && groups.routerWeightDecay == nil)
    #expect(!options.isSparse)
  }

  @Test func nothingToTrainIsSound() {
    let optimizer = AdamW(TrainableParameters([]), options: AdamW.Options())
    optimizer.update(learningRate: 0.1, gradientScale: 1)
    #expect(optimizer.counters == OptimizerCounters())
  }
}
