import Foundation
import Tensors

/// AdamW (Loshchilov and Hutter 2019) as PyTorch computes it: decoupled decay on every trained parameter,
/// bias-corrected moments.
///
/// What a step does to rows that belong to a task of which its batch has nothing:
/// - Dense (default): as PyTorch where the gradient is a tensor with zeros. Every trained number decays and its moments
///   shrink at every step, so that old moments go on to move it; all share one count of updates.
/// - Sparse: as PyTorch where each task's rows are parameters of their own, whose gradient is `None` at such a step.
///   They keep their values and moments, and their bias correction goes by the updates that the task has had. Rows that
///   all tasks share are updated at every step.
public final class AdamW: Optimizer {
  public struct Options: Sendable, Equatable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var groups = ParameterGroups()
    /// Whether a task's own rows are updated only at steps that have the task.
    public var isSparse = false

    public init() {}
  }

  public let options: Options
  /// First and second moments, in the parameters' layout.
  public let firstMoments, secondMoments: UnsafeMutableBufferPointer<Float>
  /// t of the bias correction; sparse, each task's own t for its own rows.
  public var counters: OptimizerCounters
  private let parameters: TrainableParameters
  /// The ranges of each group that every step updates.
  private let always: [(range: Range<Int>, group: ParameterGroups.Group)]

  /// An optimizer of what `parameters` trains by now.
  public init(_ parameters: TrainableParameters, options: Options) {
    (self.parameters, self.options) = (parameters, options)
    firstMoments = .allocate(capacity: parameters.count)
    secondMoments = .allocate(capacity: parameters.count)
    firstMoments.initialize(repeating: 0)
    secondMoments.initialize(repeating: 0)
    counters = OptimizerCounters(
      routeUpdates: options.isSparse ? Array(repeating: 0, count: parameters.taskCount) : nil)
    always = options.groups.split(
      options.isSparse ? parameters.ranges(touchedBy: []) : parameters.trainedRanges, of: parameters)
  }

  deinit {
    firstMoments.deallocate()
    secondMoments.deallocate()
  }

  /// Every parameter's two moments, under PyTorch's names for them.
  public var state: [OptimizerArray] {
    [("exp_avg.", firstMoments), ("exp_avg_sq.", secondMoments)].flatMap { prefix, moments in
      parameters.entries.map {
        OptimizerArray(
          name: prefix + $0.name, shape: $0.shape, values: UnsafeMutableBufferPointer(rebasing: moments[$0.range]))
      }
    }
  }

  public func update(learningRate: Double, gradientScale: Double, routes: [Int]) {
    guard parameters.count > 0 else { return }
    counters.updates += 1
    update(always, counters.updates, learningRate: learningRate, gradientScale: gradientScale)
    guard var counts = counters.routeUpdates, !counts.isEmpty else { return }
    for route in routes {
      counts[route] += 1
      let own = options.groups.split(parameters.ranges(ofTask: route), of: parameters)
      update(own, counts[route], learningRate: learningRate, gradientScale: gradientScale)
    }
    counters.routeUpdates = counts
  }

  /// Update number `count`, from 1, of some ranges.
  private func update(
    _ ranges: [(range: Range<Int>, group: ParameterGroups.Group)], _ count: Int, learningRate: Double,
    gradientScale: Double
  ) {
    let correction1 = Float(1 - pow(options.beta1, Double(count)))
    let correction2 = Float(1 - pow(options.beta2, Double(count)))
    for (range, group) in ranges {
      func part(_ array: UnsafeMutableBufferPointer<Float>) -> UnsafeMutableBufferPointer<Float> {
        array.part(range.lowerBound, range.count)
      }
      AdamWStep(
        learningRate: Float(learningRate * group.rateFactor), weightDecay: Float(group.weightDecay),
        epsilon: Float(options.epsilon), beta2: Float(options.beta2), firstWeight: Float(1 - options.beta1),
        secondWeight: Float(1 - options.beta2), correction1: correction1, correction2: correction2,
        gradientScale: Float(gradientScale)
      ).update(
        part(parameters.values), gradients: part(parameters.gradients), first: part(firstMoments),
        second: part(secondMoments))
    }
  }
}
