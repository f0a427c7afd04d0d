import Checkpoints
import Foundation
import TestSupport
import Testing

@testable import Adapters

/// Heads in sums of models that were trained whole, and what such sums refuse.
struct TaskVectorHeadTests {
  private func write(
    _ operation: ArithmeticOperator, _ models: [ModelFolder], _ weights: [Double], base: ModelFolder?,
    withoutHeads: Bool = false, to output: URL
  ) throws -> (folder: ModelFolder, averaged: [String]) {
    var options = ArithmeticOptions()
    options.leavesOutWholeModules = withoutHeads
    let terms = zip(models, weights).enumerated().map {
      WeightedModel(name: ["a", "b", "c"][$0], folder: $1.0, weight: $1.1)
    }
    let sum = try TaskVectorSum(operation, terms, base: base, options: options)
    try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
    _ = try sum.write(into: output)
    return (try ModelFolder(output), sum.averagedTensors)
  }

  private func head(_ folder: ModelFolder) throws -> [Float] { try folder.weights().array("classifier.weight") }

  @Test func headsThatTheBaseLacksAreAveraged() throws {
    try withTemporaryFolder { folder in
      let base = try SmallModelFolder.bert(1, classes: nil).write("base", in: folder)
      let pair = try [2, 3].map { try SmallModelFolder.bert($0, classes: 3).write("\($0)", in: folder) }
      let (result, averaged) = try write(.add, pair, [0.9, 0.3], base: base, to: folder.appending(path: "out"))
      #expect(averaged == ["classifier.bias", "classifier.weight"])
      let heads = try pair.map(head)
      let expected = zip(heads[0], heads[1]).map { Float(0.75 * Double($0) + 0.25 * Double($1)) }
      // 0.9 / 1.2 is not quite 0.75 in 64 bits.
      let found = try head(result)
      #expect(zip(found, expected).allSatisfy { abs($0 - $1) <= 1e-7 * abs($1) })
      #expect(result.configuration == pair[0].configuration)
      let error = #expect(throws: TaskVectorError.self) {
        try write(.add, pair, [0.5, -0.4], base: base, to: folder.appending(path: "none"))
      }
      #expect(
        "\(try #require(error))" == "classifier.bias: the weights of the models that hold it have different signs, so "
          + "that it has no mean; leave heads out with --without-heads")
    }
  }

  @Test func aHeadThatTheBaseHasIsATaskVectorToo() throws {
    try withTemporaryFolder { folder in
      let all = try [1, 2].map { try SmallModelFolder.bert($0, classes: 3).write("\($0)", in: folder) }
      let (result, averaged) = try write(.add, [all[1]], [-0.5], base: all[0], to: folder.appending(path: "out"))
      #expect(averaged.isEmpty)
      let start = try head(all[0]), trained = try head(all[1])
      let expected = zip(start.map(Double.init), trained.map(Double.init)).map { $0 - 0.5 * ($1 - $0) }
      #expect(try head(result) == expected.map { Float($0) })
    }
  }

  @Test func theResultHasTheHeadsOfTheFirst() throws {
    try withTemporaryFolder { folder in
      let base = try SmallModelFolder.bert(1, classes: nil).write("base", in: folder)
      let classifier = try SmallModelFolder.bert(2, classes: 2).write("classifier", in: folder)
      let bare = try [3, 4].map { try SmallModelFolder.bert($0, classes: nil).write("\($0)", in: folder) }
      let (result, averaged) = try write(
        .add, [classifier] + bare, [0.8, 0.2, -0.2], base: base, to: folder.appending(path: "out"))
      #expect(averaged.count == 2)
      #expect(try head(result) == head(classifier))
      let other = try write(.add, [bare[0], classifier], [0.5, 0.5], base: nil, to: folder.appending(path: "other"))
      #expect(try !other.folder.weights().contains("classifier.weight") && other.averaged.isEmpty)
    }
  }

  @Test func headsAreLeftOutOnRequest() throws {
    try withTemporaryFolder { folder in
      let pair = try [2, 3].map {
        try SmallModelFolder.bert(UInt64($0), classes: $0).write("\($0)", in: folder)
      }
      let (result, _) = try write(
        .add, pair, [0.5, 0.5], base: nil, withoutHeads: true, to: folder.appending(path: "out"))
      #expect(try result.weights().names.allSatisfy { !$0.hasPrefix("classifier.") })
      #expect(result.configurationValues["architectures"] as? [String] == ["BertModel"])
      #expect(result.configurationValues["id2label"] == nil && result.configurationValues["hidden_size"] as? Int == 8)
      let error = #expect(throws: TaskVectorError.self) {
        try write(.add, pair, [0.5, 0.5], base: nil, to: folder.appending(path: "none"))
      }
      #expect(
        "\(try #require(error))" == "classifier.bias: a has [2], b has [3], so the models' heads cannot be averaged; "
          + "leave them out with --without-heads")
      let labelled = try ["no,yes", "yes,no"].map {
        try SmallModelFolder.bert(4, classes: 2, labels: $0.split(separator: ",").map(String.init))
          .write($0, in: folder)
      }
      let labels = #expect(throws: TaskVectorError.self) {
        try write(.add, labelled, [0.5, 0.5], base: nil, to: folder.appending(path: "none"))
      }
      #expect("\(try #require(labels))".hasPrefix("classifier.bias: a has no, yes, b has yes, no, so the models'"))
    }
  }

  // MARK: Refusals

  private func text(
    _ operation: ArithmeticOperator, _ models: [ModelFolder], _ weights: [Double], base: ModelFolder? = nil,
    density: Double? = nil
  ) -> String {
    var options = ArithmeticOptions()
    options.density = density
    let terms = zip(models, weights).enumerated().map {
      WeightedModel(name: ["a", "b"][$0], folder: $1.0, weight: $1.1)
    }
    do {
      _ = try TaskVectorSum(operation, terms, base: base, options: options)
      return "no error"
    } catch { return "\(error)" }
  }

  @Test func differentModelsAreRefusedByName() throws {
    try withTemporaryFolder { folder in
      let one = try SmallModelFolder(1).write("one", in: folder)
      let bert = try SmallModelFolder.bert(1, classes: nil).write("bert", in: folder)
      let sentence = "only models trained from one base can be combined"
      #expect(
        text(.add, [one, bert], [0.5, 0.5]) == "the models differ in model_type: a has gpt2, b has bert; \(sentence)")
      var other = SmallModelFolder(2)
      other.configuration["n_head"] = 4
      #expect(
        text(.add, [try other.write("heads", in: folder)], [1], base: one)
          == "the models differ in n_head: the base has 2, a has 4; \(sentence)")
      other = SmallModelFolder(2)
      other.arrays["transformer.extra.weight"] = [1, 2]
      other.shapes["transformer.extra.weight"] = [2]
      let extra = try other.write("extra", in: folder)
      #expect(
        text(.add, [one, extra], [0.5, 0.5])
          == "the models have different tensors: a lacks 1 that b has, such as transformer.extra.weight; \(sentence)")
      #expect(text(.add, [extra, one], [0.5, 0.5]).contains("b lacks 1 that a has"))
      other = SmallModelFolder(2)
      other.configuration["vocab_size"] = 14
      other.arrays["transformer.wte.weight"] = [Float](repeating: 1, count: 14 * 8)
      other.shapes["transformer.wte.weight"] = [14, 8]
      #expect(
        text(.add, [one, try other.write("wide", in: folder)], [0.5, 0.5])
          == "the models have different shapes: at transformer.wte.weight a has [13, 8], b has [14, 8]; \(sentence)")
    }
  }

  @Test func sumsThatNeedABaseSaySo() throws {
    try withTemporaryFolder { folder in
      let one = try SmallModelFolder(1).write("one", in: folder)
      #expect(
        text(.add, [one, one], [0.5, 0.25]) == "the weights of the models sum to 0.75, not to 1: give the model that "
          + "all were trained from with --model")
      #expect(
        text(.ties, [one], [1], density: 0.5) == "operator ties drops entries of what training changed in a model: "
          + "give the model that all were trained from with --model")
      #expect(
        text(.cat, [one], [1], base: one) == "operator cat needs LoRA's factors, and whole models have "
          + "none: use add, which is exact for them")
      #expect(text(.svd, [one], [1], base: one).hasPrefix("operator svd "))
      #expect(text(.ties, [one], [1], base: one).contains("needs --density"))
      let two = try SmallModelFolder(2).write("two", in: folder)
      let error = #expect(throws: TaskVectorError.self) {
        try write(.add, [two], [1e60], base: one, to: folder.appending(path: "out"))
      }
      #expect(
        "\(try #require(error))".hasSuffix(
          ": the result is too large for F32, or a model's numbers are not finite; use smaller weights"))
      #expect(
        TaskVectorError.mixedWithAdapter(model: "a", adapter: "b").description
          == "a is a whole model and b an adapter, which have no sum: give models alone, or adapters alone (`polyad "
          + "merge` makes a model of an adapter)")
    }
  }
}
