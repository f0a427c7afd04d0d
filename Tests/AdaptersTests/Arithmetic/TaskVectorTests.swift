import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Adapters

/// Sums of models that were trained whole.
struct TaskVectorTests {
  private typealias Reports = [(tensor: String, report: TaskVectorReport)]

  private func models(
    _ count: Int, in folder: URL, _ change: (Int, inout SmallModelFolder) -> Void = { _, _ in }
  ) throws -> [ModelFolder] {
    try (0..<count).map { place in
      var model = SmallModelFolder(UInt64(place) + 1)
      change(place, &model)
      return try model.write("\(place)", in: folder)
    }
  }

  @discardableResult private func compose(
    _ operation: ArithmeticOperator, _ models: [ModelFolder], _ weights: [Double], base: ModelFolder?, to output: URL,
    _ change: (inout ArithmeticOptions) -> Void = { _ in }
  ) throws -> (folder: ModelFolder, reports: Reports) {
    var options = ArithmeticOptions()
    change(&options)
    let signed = try operation.signedWeights(weights, adapterCount: models.count)
    let terms = zip(models, signed).enumerated().map {
      WeightedModel(name: ["a", "b", "c"][$0], folder: $1.0, weight: $1.1)
    }
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    let reports = try TaskVectorSum(operation, terms, base: base, options: options).write(into: output)
    return (try ModelFolder(output), reports)
  }

  private func bytes(_ folder: ModelFolder) throws -> [String: [UInt8]] {
    let weights = try folder.weights()
    return Dictionary(uniqueKeysWithValues: try weights.names.map { ($0, Array(try weights.bytes($0))) })
  }

  private func values(_ folder: ModelFolder) throws -> [String: [Double]] {
    let weights = try folder.weights()
    return Dictionary(uniqueKeysWithValues: try weights.names.map { ($0, try weights.array($0).map(Double.init)) })
  }

  /// Expects θ₀ + what `update` makes of the task vectors, entry by entry, to single rounding.
  private func expect(
    _ result: ModelFolder, _ models: [ModelFolder], base: ModelFolder, _ update: ([Double]) -> Double
  ) throws {
    let found = try values(result), start = try values(base), trained = try models.map(values)
    #expect(Set(found.keys) == Set(start.keys) && !found.isEmpty)
    for (name, numbers) in found {
      for index in numbers.indices {
        let origin = start[name]![index], exact = origin + update(trained.map { $0[name]![index] - origin })
        // Half a unit in the last place of a float.
        #expect(abs(numbers[index] - exact) <= 6e-8 * max(abs(exact), 1e-30), "\(name) \(index)")
      }
    }
  }

  // MARK: Laws

  @Test func aModelLessItselfIsTheBase() throws {
    try withTemporaryFolder { folder in
      let all = try models(2, in: folder) { place, model in
        // The sign of a zero is a bit of the base too.
        if place == 0 { model.arrays["transformer.ln_f.bias"]?[0] = -0.0 }
      }
      for (name, weights) in [("zero", [0.0]), ("pair", [1, -1])] {
        let terms = weights.map { _ in all[1] }
        let (result, reports) = try compose(.add, terms, weights, base: all[0], to: folder.appending(path: name))
        #expect(try bytes(result) == bytes(all[0]))
        #expect(reports.allSatisfy { $0.report.relativeError == 0 && $0.report.relativeNorm == nil })
      }
    }
  }

  @Test func aModelAloneAndAnAnalogyOfEqualsAreThatModel() throws {
    try withTemporaryFolder { folder in
      let all = try models(3, in: folder)
      let alone = try compose(.linear, [all[1]], [1], base: all[0], to: folder.appending(path: "alone"))
      #expect(try bytes(alone.folder) == bytes(all[1]))
      #expect(alone.reports.allSatisfy { $0.report.relativeError < 1e-6 })
      let analogy = try compose(
        .analogy, [all[1], all[2], all[2]], [1, 0.3], base: all[0], to: folder.appending(path: "analogy"))
      #expect(try bytes(analogy.folder) == bytes(all[1]))
    }
  }

  @Test func weightsOfOneNeedNoBase() throws {
    try withTemporaryFolder { folder in
      let all = try models(3, in: folder), pair = Array(all.dropFirst())
      let plain = try compose(.add, pair, [0.5, 0.5], base: nil, to: folder.appending(path: "plain"))
      let based = try compose(.add, pair, [0.5, 0.5], base: all[0], to: folder.appending(path: "based"))
      #expect(try bytes(plain.folder) == bytes(based.folder))
      try expect(plain.folder, pair, base: all[0]) { 0.5 * $0[0] + 0.5 * $0[1] }
      let first = try values(pair[0]), second = try values(pair[1])
      for (name, numbers) in try values(plain.folder) {
        // The mean of two floats is exact in 64 bits, and rounded once.
        let means = zip(first[name]!, second[name]!).map { 0.5 * $0 + 0.5 * $1 }
        #expect(numbers == means.map { Double(Float($0)) })
      }
    }
  }

  @Test func negatingTwiceChangesNothing() throws {
    try withTemporaryFolder { folder in
      let all = try models(2, in: folder)
      let once = try compose(.negate, [all[1]], [], base: all[0], to: folder.appending(path: "once"))
      try expect(once.folder, [all[1]], base: all[0]) { -$0[0] }
      let twice = try compose(.negate, [once.folder], [], base: all[0], to: folder.appending(path: "twice"))
      let expected = try values(all[1]), sizes = try [all[0], once.folder].map(values)
      for (name, numbers) in try values(twice.folder) {
        for index in numbers.indices {
          // The first result's rounding, which may be the larger number's, and the second's.
          let size = sizes.map { abs($0[name]![index]) }.max() ?? 0
          #expect(abs(numbers[index] - expected[name]![index]) <= 1.2e-7 * max(size, abs(numbers[index])))
        }
      }
    }
  }

  @Test func weightsCountPlainly() throws {
    try withTemporaryFolder { folder in
      let all = try models(4, in: folder), trained = Array(all.dropFirst())
      let sum = try compose(.add, trained, [0.7, 0.5, -0.2], base: all[0], to: folder.appending(path: "sum"))
      try expect(sum.folder, trained, base: all[0]) { 0.7 * $0[0] + 0.5 * $0[1] - 0.2 * $0[2] }
      #expect(sum.reports.count == 28)
      for (_, report) in sum.reports {
        // Rounding of numbers of about the task vectors' size.
        let norm = try #require(report.relativeNorm)
        #expect(report.relativeError < 1e-6 && abs(norm - 1) < 1e-6)
      }
    }
  }

  // MARK: Pruning

  /// The magnitude that half of all entries of a task vector reach.
  private func median(_ model: ModelFolder, _ base: ModelFolder) throws -> Double {
    let start = try values(base)
    let magnitudes = try values(model).flatMap { name, numbers in zip(numbers, start[name]!).map { abs($0 - $1) } }
    return magnitudes.sorted(by: >)[magnitudes.count / 2 - 1]
  }

  @Test func magnitudesAreComparedOverTheWholeModel() throws {
    try withTemporaryFolder { folder in
      let all = try models(3, in: folder), pair = Array(all.dropFirst())
      let bounds = try pair.map { try median($0, all[0]) }
      func pruned(_ vectors: [Double]) -> [Double] { zip(vectors, bounds).map { abs($0) >= $1 ? $0 : 0 } }
      let sum = try compose(.magnitudePrune, pair, [0.4, 0.8], base: all[0], to: folder.appending(path: "sum")) {
        $0.density = 0.5
      }
      try expect(sum.folder, pair, base: all[0]) { 0.4 * pruned($0)[0] + 0.8 * pruned($0)[1] }
      #expect(sum.reports.contains { $0.report.relativeError > 0.1 })
      let ties = try compose(.ties, pair, [1, 1], base: all[0], to: folder.appending(path: "ties")) {
        $0.density = 0.5
      }
      try expect(ties.folder, pair, base: all[0]) { vectors in
        let kept = pruned(vectors), sign = kept[0] + kept[1] >= 0 ? 1.0 : -1
        let agreeing = kept.filter { $0 * sign > 0 }
        return agreeing.reduce(0, +) / Double(max(1, agreeing.count))
      }
    }
  }

  @Test func aThresholdIsTheOneOfASort() {
    let numbers = (0..<1000).map { Double(($0 * 7919) % 311) - 155 }, sorted = numbers.map(abs).sorted(by: >)
    for count in [1, 2, 17, 500, 999, 1000] {
      let found = MagnitudeThreshold.find(keeping: count) { body in
        body(Array(numbers[..<300]))
        body(Array(numbers[300...]))
      }
      #expect(numbers.filter { abs($0) >= found } == numbers.filter { abs($0) >= sorted[count - 1] })
    }
    #expect(MagnitudeThreshold.find(keeping: 0) { $0(numbers) } == .infinity)
  }

  @Test func lotsFollowTheSeedAndKeepTheMean() throws {
    try withTemporaryFolder { folder in
      let all = try models(3, in: folder), pair = Array(all.dropFirst())
      func dare(_ name: String, _ seed: UInt64, _ operation: ArithmeticOperator = .dareLinear) throws -> ModelFolder {
        try compose(operation, pair, [1, 0], base: all[0], to: folder.appending(path: name)) {
          ($0.density, $0.seed) = (0.25, seed)
        }.folder
      }
      let first = try dare("one", 3)
      #expect(try bytes(first) == bytes(dare("two", 3)))
      #expect(try bytes(first) != bytes(dare("three", 4)))
      #expect(try bytes(first) != bytes(dare("four", 3, .dareTies)))
      let start = try values(all[0]), trained = try values(pair[0])
      var kept = 0, count = 0
      for (name, numbers) in try values(first) {
        for index in numbers.indices {
          let origin = start[name]![index], update = numbers[index] - origin
          count += 1
          guard update != 0 else { continue }
          kept += 1
          #expect(abs(update - 4 * (trained[name]![index] - origin)) <= 1e-6 * max(1, abs(update)))
        }
      }
      // Five standard deviations of a binomial count.
      #expect(abs(Double(kept) - 0.25 * Double(count)) < 5 * (0.25 * 0.75 * Double(count)).squareRoot())
    }
  }

  // MARK: Files

  @Test func namesMayLackThePrefixAndBuffersAreTheBases() throws {
    try withTemporaryFolder { folder in
      let plain = try models(3, in: folder)
      let base = try models(1, in: folder.appending(path: "short")) { _, model in
        model.omittedPrefix = "transformer."
        model.buffers = [("h.0.attn.rounds", [3, 5])]
      }[0]
      let pair = Array(plain.dropFirst())
      let expected = try bytes(compose(.add, pair, [1, 1], base: plain[0], to: folder.appending(path: "x")).folder)
      let (result, _) = try compose(.add, pair, [1, 1], base: base, to: folder.appending(path: "y"))
      var found = try bytes(result)
      let buffer = found.removeValue(forKey: "transformer.h.0.attn.rounds")
      #expect(found == expected)
      #expect(buffer == [Int64(3), 5].withUnsafeBytes { Array($0) })
      // Tied arrays are in the file once, and what else a folder has is there.
      #expect(expected["lm_head.weight"] == nil && expected["transformer.wte.weight"] != nil)
      #expect(try Data(contentsOf: result.url.appending(path: "tokenizer.json")) == Data("{}".utf8))
      #expect(result.configuration == pair[0].configuration)
    }
  }

  @Test(arguments: [DataType.float16, .bfloat16]) func theTypeIsTheBases(type: DataType) throws {
    try withTemporaryFolder { folder in
      let all = try models(3, in: folder) { place, model in if place == 0 { model.dataType = type } }
      let (result, reports) = try compose(
        .add, Array(all.dropFirst()), [0.5, 0.25], base: all[0], to: folder.appending(path: "out"))
      let weights = try result.weights()
      for name in weights.names { #expect(try weights.info(name).dataType == type) }
      // Half a unit of 8 or 11 bits of numbers that are larger than the task vectors.
      for (_, report) in reports { #expect((1e-5..<0.02).contains(report.relativeError)) }
    }
  }
}
