import Foundation
import MessagePassing
import ModelTestSupport
import Tensors
import TestSupport
import Testing

@testable import Training

/// Starts jobs of several ranks; what each rank does is in ``ReductionRankTests``.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob == nil))
struct OrderedReductionTests {
  private let ranks = "TrainingTests.ReductionRankTests"

  @Test(arguments: 1...4) func sumsHaveTheBitsOfOneProcess(rankCount: Int) throws {
    let outcome = try RankProcesses.run("sums", of: ranks, rankCount: rankCount)
    #expect(outcome.exitCode == 0, "\(outcome.output)")
    #expect(outcome.output.contains("on \(rankCount) ranks every sum was tried"), "\(outcome.output)")
  }

  @Test func whatTasksTouchHasTheBitsOfAWholeReductionOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("task rows", rankCount: $0) }
    #expect(files[0].count == 4 * 4 * (8 * 5 + 12 * 3 + 3 * 3 + 6 * 2))
    #expect(Set(files).count == 1)
  }

  @Test func trainingStepsWriteTheSameBytesOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("training", rankCount: $0) }
    #expect(files[0].count == 4 * 2 * (3 * 8 + 24 * 3))
    #expect(Set(files).count == 1)
  }

  @Test func modelsRoutedByTaskAreTrainedToTheSameBytesOnAnyNumberOfRanks() throws {
    let files = try (1...4).map { try write("routed training", rankCount: $0) }
    #expect(!files[0].isEmpty && Set(files).count == 1)
  }

  /// Operations are cut by their shapes alone, so threads, and ranks of several threads, change nothing.
  @Test func trainingStepsWriteTheSameBytesOnAnyNumberOfRanksAndThreads() throws {
    let files = try [(1, 1), (1, 2), (1, 3), (1, 5), (2, 1), (2, 2)].map { ranks, threads in
      try write(
        "threads", rankCount: ranks, environment: [ThreadedTrainingRuns.threadsVariable: "\(threads)"])
    }
    #expect(!files[0].isEmpty && Set(files).count == 1)
  }

  /// What rank 0 of a job writes.
  private func write(_ job: String, rankCount: Int, environment: [String: String] = [:]) throws -> Data {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "numbers")
      let outcome = try RankProcesses.run(
        job, of: ranks, rankCount: rankCount,
        environment: environment.merging([TrainingRuns.fileVariable: file.path]) { $1 })
      #expect(outcome.exitCode == 0, "\(outcome.output)")
      return try Data(contentsOf: file)
    }
  }
}

/// What each rank of a job runs.
@Suite(.serialized, .enabled(if: RankProcesses.ownJob != nil))
struct ReductionRankTests {
  @Test(.enabled(if: RankProcesses.ownJob == "sums")) func everySumIsThatOfOneProcess() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      for partCount in [world.size, world.size + 1, 7, 8] {
        for count in [1, 3, 1000] {
          for isCut in [false, true] {
            for place in ReductionPlace.all(world.size) {
              for precision in Precision.allCases {
                try ordered(world, place, precision, partCount: partCount, count: count, isCut: isCut)
              }
            }
            try plain(world, partCount: partCount, count: count, isCut: isCut)
          }
        }
      }
      if world.rank == 0 { print("on \(world.size) ranks every sum was tried") }
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "training")) func stepsAreTrained() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      try write(TrainingRuns(Ranks(environment)).run(), world)
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "routed training")) func stepsOfRoutedModelsAreTrained() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) {
      let runs = try TrainingRuns(Ranks(environment)), values = try runs.runTaskRouted()
      #expect(try runs.runTaskRouted(bucketBytes: 100) == values)
      try write(values, world)
    }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "threads")) func stepsAreTrainedOnThreads() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) { try write(ThreadedTrainingRuns(Ranks(environment)).run(), world) }
  }

  @Test(.enabled(if: RankProcesses.ownJob == "task rows")) func rowsOfTasksAreReducedAndUpdated() throws {
    let environment = try MPIEnvironment(threadLevel: .serialized)
    let world = environment.world
    environment.job.run(exitCode: { _ in 5 }) { try write(TaskRowRuns(world: world).run(), world) }
  }

  private func write(_ values: [Float], _ world: Communicator) throws {
    let file = ProcessInfo.processInfo.environment[TrainingRuns.fileVariable]!
    if world.rank == 0 { try values.withUnsafeBytes { try Data($0).write(to: URL(filePath: file)) } }
  }

  /// The gradient of one part: numbers of very different size.
  private func gradient(_ part: Int, count: Int, round: Int) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    let key = RandomKey(seed: UInt64(part)).child(UInt64(round))
    values.withUnsafeMutableBufferPointer { key.fillNormal($0, standardDeviation: part % 2 == 0 ? 1000 : 0.01) }
    return values
  }

  /// All numbers: in one bucket, or in several, in pieces, in other places each round; one may have none.
  private func buckets(count: Int, isCut: Bool, round: Int) -> [[Range<Int>]] {
    guard isCut else { return [[0..<count]] }
    let bounds = [0, 2 + round, 5, 5, 8 - round, 11, 16].map { $0 * count / 16 }
    let pieces = zip(bounds, bounds.dropFirst()).map { $0..<$1 }
    return [[5], [0, 3], [2], [1, 4]].map { $0.map { pieces[$0] }.filter { !$0.isEmpty } }
  }

  /// Runs two rounds, since a reduction serves for every step, and returns each round's sum. Of several buckets, some
  /// leave while the last part is computed: another number on each rank.
  private func run(
    _ reduction: any GradientReduction, _ buffer: UnsafeMutableBufferPointer<Float>, parts: Range<Int>, isCut: Bool
  ) throws -> [[Float]] {
    try (0..<2).map { round in
      buffer.update(repeating: 0)
      let buckets = buckets(count: buffer.count, isCut: isCut, round: round)
      try reduction.begin(buckets)
      for part in parts {
        let numbers = gradient(part, count: buffer.count, round: round)
        func compute(_ ranges: [Range<Int>]) { for index in ranges.joined() { buffer[index] += numbers[index] } }
        let early = part == parts.upperBound - 1 ? min(parts.lowerBound % 4, buckets.count - 1) : 0
        for bucket in buckets[..<early] {
          compute(bucket)
          try reduction.sendBucket()
          try reduction.progress()
        }
        compute(Array(buckets[early...].joined()))
        try reduction.add(part: part)
      }
      try reduction.finish()
      return Array(buffer)
    }
  }

  /// In bf16 every gradient and every sum of two is rounded.
  private func expected(_ partCount: Int, _ count: Int, round: Int, _ precision: Precision = .fp32) -> [Float] {
    func rounded(_ value: Float) -> Float { precision == .bf16 ? value.inBF16 : value }
    return neighbourSum((0..<partCount).map { gradient($0, count: count, round: round).map(rounded) }) {
      zip($0, $1).map { rounded($0 + $1) }
    }
  }

  private func ordered(
    _ world: Communicator, _ place: ReductionPlace, _ precision: Precision, partCount: Int, count: Int, isCut: Bool
  ) throws {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { buffer.deallocate() }
    let node = try place.node(of: world)
    let reduction = try OrderedReduction(
      buffer, partCount: partCount, precision: precision, world, node: node, sharedLimit: place.sharedLimit)
    let parts = ReductionTree(partCount: partCount, rankCount: world.size).span(of: world.rank)
    // A step in which nothing travels, before any memory is shared.
    try reduction.begin([[]])
    for part in parts { try reduction.add(part: part) }
    try reduction.finish()
    for (round, sum) in try run(reduction, buffer, parts: parts, isCut: isCut).enumerated() {
      #expect(
        sum == expected(partCount, count, round: round, precision),
        "\(partCount) parts, \(count) numbers, \(precision), nodes \(place.nodes)")
    }
    #expect(reduction.reducedByteCount == (precision == .bf16 ? 2 : 4) * count)
    try reduction.free()
    try node.free()
  }

  private func plain(_ world: Communicator, partCount: Int, count: Int, isCut: Bool) throws {
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: count)
    defer { buffer.deallocate() }
    let parts = ReductionTree(partCount: partCount, rankCount: world.size).span(of: world.rank)
    let reduction = PlainReduction(buffer, partCount: partCount, world)
    for (round, sum) in try run(reduction, buffer, parts: parts, isCut: isCut).enumerated() {
      // The same addends in another order.
      #expect(relativeDistance(sum, expected(partCount, count, round: round)) < 1e-5)
    }
  }
}

/// Ranks dealt out to nodes, as if these were hosts of their own.
private struct ReductionPlace {
  /// Of each rank, its node.
  let nodes: [Int]
  /// Numbers of shared memory at most, a partial sum.
  var sharedLimit = Int.max

  /// All on one node, each on its own, pairs, one and the others, in turn, and too little memory to share.
  static func all(_ rankCount: Int) -> [Self] {
    let ranks = 0..<rankCount, together = ranks.map { _ in 0 }
    var places = [Self(nodes: together)]
    guard rankCount > 1 else { return places }
    places += [Self(nodes: Array(ranks)), Self(nodes: together, sharedLimit: 2)]
    guard rankCount > 2 else { return places }
    return places + [
      Self(nodes: ranks.map { $0 / 2 }), Self(nodes: ranks.map { min($0, 1) }), Self(nodes: ranks.map { $0 % 2 }),
      Self(nodes: ranks.map { $0 / 2 }, sharedLimit: 2),
    ]
  }

  func node(of world: Communicator) throws -> Communicator {
    try world.split(color: nodes[world.rank], key: world.rank)
  }
}
