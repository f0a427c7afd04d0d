import Synchronization

/// One place in a run where one example of one task is used.
public struct ExampleReference: Sendable, Equatable, Hashable {
  /// The task's place in the recipe.
  public let task: Int
  /// The example's place among the task's kept training examples.
  public let index: Int
  /// The running number of this sequence in the whole run, from 0: the key of its random numbers.
  public let ordinal: Int

  public init(task: Int, index: Int, ordinal: Int) { (self.task, self.index, self.ordinal) = (task, index, ordinal) }
}

/// The global batch of one optimizer step, cut into parts of near-equal token counts.
public struct StepPlan: Sendable, Equatable {
  public let step: Int
  /// The epoch the batch is of, from 0.
  public let epoch: Int
  /// One list a micro-batch, in the fixed order of the reduction; some may be empty when the batch is small.
  public let parts: [[ExampleReference]]

  public init(step: Int, epoch: Int, parts: [[ExampleReference]]) {
    (self.step, self.epoch, self.parts) = (step, epoch, parts)
  }

  /// The sequences of the batch.
  public var sequenceCount: Int { parts.reduce(0) { $0 + $1.count } }
}

/// Which examples each step uses: a pure function of (tasks, mixture, seed, step), the same on every rank.
///
/// Each task has an endless stream: its examples in random order, shuffled anew each time it is through. An epoch takes
/// the mixture's allotment of each stream, from where the epoch before stopped, and shuffles what it took, in blocks of
/// the mixture's group. Steps may be asked for in any order; the last epoch asked for is kept, so that going through the
/// steps costs one shuffle an epoch.
public final class BatchPlan: Sendable {
  public let mixture: TaskMixture
  /// Sequences a step, all ranks together; the last step of an epoch has what is left.
  public let trainBatchSize: Int
  /// The parts a batch is cut in.
  public let microBatches: Int
  public let seed: UInt64
  /// How many examples of a task are drawn together.
  private let group: Int
  /// The tokens of each example of each task.
  private let exampleLengths: [[Int]]
  /// What an example may have in common with others of its part; nil: every example is computed whole.
  private let sharing: (@Sendable (ExampleReference) -> PrefixTree.Sequence)?
  private let lastEpoch = Mutex<(epoch: Int, order: [ExampleReference])?>(nil)

  /// The stream of random numbers that orders an epoch; a task's own stream is its index.
  private static let epochStream = UInt32.max
  /// The stream that orders what an epoch's groups leave over.
  private static let restStream = UInt32.max - 1

  /// - Parameters:
  ///   - exampleLengths: For each task, the token count of each of its training examples.
  ///   - weights: A factor on each task's share; nil: all 1.
  ///   - sharing: The tokens of an example, which those that begin like it compute but once where they are in one part;
  ///     nil: every example is computed whole.
  /// - Throws: ``MixtureError``.
  public init(
    exampleLengths: [[Int]], mixing: MixingOptions = MixingOptions(), weights: [Double]? = nil, trainBatchSize: Int,
    microBatches: Int, seed: UInt64, sharing: (@Sendable (ExampleReference) -> PrefixTree.Sequence)? = nil
  ) throws {
    guard trainBatchSize > 0 else { throw MixtureError.badBatchSize(trainBatchSize) }
    guard microBatches > 0 else { throw MixtureError.badPartCount(microBatches) }
    guard (1...trainBatchSize).contains(mixing.group) else {
      throw MixtureError.badGroup(mixing.group, trainBatchSize: trainBatchSize)
    }
    self.mixture = try TaskMixture(sizes: exampleLengths.map(\.count), options: mixing, weights: weights)
    self.exampleLengths = exampleLengths
    self.sharing = sharing
    self.trainBatchSize = trainBatchSize
    self.microBatches = microBatches
    self.seed = seed
    group = mixing.group
  }

  /// The steps of one epoch, the last of which may be a partial batch.
  public var stepsPerEpoch: Int { (mixture.epochSize + trainBatchSize - 1) / trainBatchSize }

  /// The batch of step `step`, counted from 0.
  public func step(_ step: Int) -> StepPlan {
    precondition(step >= 0, "step \(step) is below 0")
    let epoch = step / stepsPerEpoch
    let start = step % stepsPerEpoch * trainBatchSize
    let order = epochOrder(epoch)
    return StepPlan(
      step: step, epoch: epoch, parts: cut(order[start..<min(start + trainBatchSize, order.count)]))
  }

  /// Every example of one epoch, in the order of use.
  func epochOrder(_ epoch: Int) -> [ExampleReference] {
    lastEpoch.withLock { kept in
      if let kept, kept.epoch == epoch { return kept.order }
      let order = makeEpochOrder(epoch)
      kept = (epoch, order)
      return order
    }
  }

  /// Groups of each task, in blocks that are shuffled. What is short of a group makes blocks with that of other tasks,
  /// the last of which may be short itself and then stays at the end: every other one begins at a multiple of the group.
  private func makeEpochOrder(_ epoch: Int) -> [ExampleReference] {
    let (generator, turn) = (CounterGenerator(seed: seed), UInt32(truncatingIfNeeded: epoch))
    var drawn: [(task: Int, index: Int)] = []
    drawn.reserveCapacity(mixture.epochSize)
    var rests: [[(task: Int, index: Int)]] = []
    for (task, count) in mixture.allotments.enumerated() {
      let examples = drawStream(ofTask: task, from: epoch * count, count: count).map { (task: task, index: $0) }
      let grouped = count - count % group
      drawn += examples[..<grouped]
      if grouped < count { rests.append(Array(examples[grouped...])) }
    }
    generator.shuffle(&rests, stream: Self.restStream, turn: turn)
    drawn += rests.joined()

    var blocks = Array(0..<drawn.count / group)
    generator.shuffle(&blocks, stream: Self.epochStream, turn: turn)
    let places = blocks.lazy.flatMap { [group] block in block * group..<(block + 1) * group }
    let rest = drawn.count - drawn.count % group..<drawn.count
    let first = epoch * mixture.epochSize
    return (Array(places) + rest).enumerated().map { place, source in
      ExampleReference(task: drawn[source].task, index: drawn[source].index, ordinal: first + place)
    }
  }

  /// Example indices at the places `start` to `start + count` of a task's endless stream.
  private func drawStream(ofTask task: Int, from start: Int, count: Int) -> [Int] {
    let size = mixture.sizes[task]
    var indices: [Int] = []
    indices.reserveCapacity(count)
    while indices.count < count {
      let position = start + indices.count
      var pass = Array(0..<size)
      CounterGenerator(seed: seed).shuffle(
        &pass, stream: UInt32(task), turn: UInt32(truncatingIfNeeded: position / size))
      indices += pass[(position % size)...].prefix(count - indices.count)
    }
    return indices
  }

  /// Cuts a batch; each part has the batch's own order.
  private func cut(_ batch: ArraySlice<ExampleReference>) -> [[ExampleReference]] {
    let batch = Array(batch), cutting = BatchCutting(partCount: microBatches)
    let places =
      sharing.map { cutting.parts(PrefixTree(batch.map($0))) }
      ?? cutting.parts(lengths: batch.map { exampleLengths[$0.task][$0.index] })
    return places.map { $0.map { batch[$0] } }
  }
}
