import CKernels
import Foundation
import Tensors

/// AdamW (Loshchilov and Hutter 2019) as PyTorch computes it: decoupled decay on every trained parameter,
/// bias-corrected moments. Routers and up-projections can have rates and decays of their own, as PyTorch's parameter
/// groups.
///
/// What a step does to rows that belong to a task of which its batch has nothing:
/// - Dense (default): as PyTorch where the gradient is a tensor with zeros. Every trained number decays and its moments
///   shrink at every step, so that old moments go on to move it; all share one count of updates.
/// - Sparse: as PyTorch where each task's rows are parameters of their own, whose gradient is `None` at such a step.
///   They keep their values and moments, and their bias correction goes by the updates that the task has had. Rows that
///   all tasks share are updated at every step.
public final class AdamW {
  public struct Options: Sendable, Equatable {
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var epsilon = 1e-8
    public var weightDecay = 0.0
    /// Of routers; nil: ``weightDecay``.
    public var routerWeightDecay: Double?
    /// What the rate is multiplied by for routers.
    public var routerRateFactor = 1.0
    /// What the rate is multiplied by for up-projections and for parameters of one axis, unless they are routers: the
    /// ratio of LoRA+ (Hayou et al. 2024, arXiv 2402.12354).
    public var upProjectionRateFactor = 1.0
    /// Whether a task's own rows are updated only at steps that have the task.
    public var isSparse = false

    public init() {}
  }

  /// What parameters that learn alike share.
  fileprivate struct Group: Equatable {
    let rateFactor, weightDecay: Double
  }

  public let options: Options
  /// First and second moments, in the parameters' layout.
  public let firstMoments, secondMoments: UnsafeMutableBufferPointer<Float>
  /// Updates made so far: t of the bias correction.
  public var updateCount = 0
  /// Sparse: the updates each task's own rows have had, t of their bias correction. Dense: empty.
  public var taskUpdateCounts: [Int]
  private let parameters: TrainableParameters
  /// The ranges of each group that every step updates.
  private let always: [(range: Range<Int>, group: Group)]

  /// An optimizer of what `parameters` trains by now.
  public init(_ parameters: TrainableParameters, options: Options) {
    (self.parameters, self.options) = (parameters, options)
    firstMoments = .allocate(capacity: parameters.count)
    secondMoments = .allocate(capacity: parameters.count)
    firstMoments.initialize(repeating: 0)
    secondMoments.initialize(repeating: 0)
    taskUpdateCounts = options.isSparse ? Array(repeating: 0, count: parameters.taskCount) : []
    always = Self.split(
      options.isSparse ? parameters.ranges(touchedBy: []) : parameters.trainedRanges, parameters.entries, options)
  }

  deinit {
    firstMoments.deallocate()
    secondMoments.deallocate()
  }

  /// One update from the gradient buffer, each gradient multiplied by `gradientScale` first.
  ///
  /// - Parameters:
  ///   - learningRate: Of the parameters without a factor of their own.
  ///   - tasks: The batch's tasks, each once: whose own rows a sparse update moves. A dense one moves all of them.
  public func update(learningRate: Double, gradientScale: Double, tasks: some Sequence<Int> = EmptyCollection()) {
    guard parameters.count > 0 else { return }
    updateCount += 1
    update(always, updateCount, learningRate: learningRate, gradientScale: gradientScale)
    guard !taskUpdateCounts.isEmpty else { return }
    for task in tasks {
      taskUpdateCounts[task] += 1
      let own = Self.split(parameters.ranges(ofTask: task), parameters.entries, options)
      update(own, taskUpdateCounts[task], learningRate: learningRate, gradientScale: gradientScale)
    }
  }

  /// Update number `count`, from 1, of some ranges.
  private func update(
    _ ranges: [(range: Range<Int>, group: Group)], _ count: Int, learningRate: Double, gradientScale: Double
  ) {
    let correction1 = Float(1 - pow(options.beta1, Double(count)))
    let correction2 = Float(1 - pow(options.beta2, Double(count)))
    for (range, group) in ranges {
      ck_adamw(
        range.count, Float(learningRate * group.rateFactor), Float(1 - options.beta1), Float(options.beta2),
        Float(1 - options.beta2), Float(options.epsilon), Float(group.weightDecay), correction1, correction2,
        Float(gradientScale), parameters.gradients.baseAddress! + range.lowerBound,
        firstMoments.baseAddress! + range.lowerBound, secondMoments.baseAddress! + range.lowerBound,
        parameters.values.baseAddress! + range.lowerBound)
    }
  }

  /// Cuts ascending ranges where the group changes, and nowhere else: without special groups one range stays one.
  private static func split(
    _ ranges: [Range<Int>], _ entries: [TrainableParameters.Entry], _ options: Options
  ) -> [(range: Range<Int>, group: Group)] {
    var result: [(range: Range<Int>, group: Group)] = []
    var entries = entries[...]
    for range in ranges {
      while let entry = entries.first, entry.range.upperBound <= range.lowerBound { entries.removeFirst() }
      for entry in entries.prefix(while: { $0.range.lowerBound < range.upperBound }) where !entry.range.isEmpty {
        let piece = entry.range.clamped(to: range), group = options.group(of: entry)
        if let last = result.last, last.group == group, last.range.upperBound == piece.lowerBound {
          result[result.count - 1].range = last.range.lowerBound..<piece.upperBound
        } else {
          result.append((piece, group))
        }
      }
    }
    return result
  }
}

extension AdamW.Options {
  fileprivate func group(of entry: TrainableParameters.Entry) -> AdamW.Group {
    if entry.role == .router {
      return AdamW.Group(rateFactor: routerRateFactor, weightDecay: routerWeightDecay ?? weightDecay)
    }
    let isFast = entry.role == .upProjection || entry.shape.count == 1
    return AdamW.Group(rateFactor: isFast ? upProjectionRateFactor : 1, weightDecay: weightDecay)
  }
}
