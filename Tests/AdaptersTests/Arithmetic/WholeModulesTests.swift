import Testing

@testable import Adapters

/// Modules that are trained whole, in sums.
struct WholeModulesTests {
  private static let name = "base_model.model.classifier.weight"

  private func adapter(_ seed: UInt64, head: [Float]?, labels: [String] = []) throws -> SavedAdapter {
    let whole = head.map { [SavedTensor(name: Self.name, shape: [$0.count], values: $0)] } ?? []
    return try RandomAdapter.lora(seed, whole: whole) { $0.modulesToSave = head == nil ? [] : ["classifier"] }
  }

  private func head(_ result: SavedAdapter) -> [Float]? { result.byName[Self.name]?.values }

  @Test func headsAreAveragedWithTheAdaptersWeights() throws {
    let adapters = try [adapter(1, head: [1, 2]), adapter(2, head: [3, 6])]
    #expect(head(try compose(.add, adapters, [0.75, 0.25]).result) == [1.5, 3])
    // Whole modules are no differences: their weights are made to sum to 1.
    #expect(head(try compose(.cat, adapters, [3, 1]).result) == [1.5, 3])
    #expect(try compose(.add, adapters, [0.75, 0.25]).result.configuration.modulesToSave == ["classifier"])
  }

  @Test func theHeadOfOneAdapterStaysAsItIs() throws {
    let adapters = try [adapter(1, head: [1, 2]), adapter(2, head: nil), adapter(3, head: nil)]
    #expect(head(try compose(.analogy, adapters, [0.8, 0.2]).result) == [1, 2])
    #expect(head(try compose(.negate, [adapters[0]], []).result) == [1, 2])
  }

  @Test func theTaskTypeIsThatOfTheHead() throws {
    let language = try RandomAdapter.lora(1) { $0.taskType = "FEATURE_EXTRACTION" }
    let classifier = try RandomAdapter.lora(2, whole: [SavedTensor(name: Self.name, shape: [1], values: [1])]) {
      ($0.modulesToSave, $0.taskType) = (["classifier"], "SEQ_CLS")
    }
    func type(_ options: (inout ArithmeticOptions) -> Void = { _ in }) throws -> String? {
      try compose(.add, [language, language, classifier], [0.2, -0.2, 0.8], options: options)
        .result.configuration.taskType
    }
    #expect(try type() == "SEQ_CLS")
    #expect(try type { $0.leavesOutWholeModules = true } == "FEATURE_EXTRACTION")
    let idle = ArithmeticRequest(
      .add, [WeightedAdapter(name: "a", adapter: language, weight: 1)],
      idle: [WeightedAdapter(name: "b", adapter: classifier, weight: 0)])
    #expect(try Composition(idle).result.configuration.taskType == "SEQ_CLS")
  }

  @Test func anIdleAdapterGivesTheHeadThatItAloneHas() throws {
    func composed(_ heads: [[Float]?]) throws -> [Float]? {
      let terms = try heads.enumerated().map { place, head in
        let adapter = try adapter(UInt64(place + 1), head: head)
        return WeightedAdapter(name: "\(place)", adapter: adapter, weight: place == 0 ? 1 : 0)
      }
      let result = try Composition(ArithmeticRequest(.add, expression: terms)).result
      // The other's update counts for nothing.
      #expect(result.sites[0].tensors == terms[0].adapter.sites[0].tensors)
      return head(result)
    }
    #expect(try composed([nil, [1, 2]]) == [1, 2])
    #expect(try composed([[3, 4], [1, 2]]) == [3, 4])
    #expect(try composed([nil, [1, 2], [3, 6]]) == [2, 4])
  }

  @Test func headsAreLeftOutOnRequest() throws {
    let adapters = try [adapter(1, head: [1, 2]), adapter(2, head: [3])]
    let result = try compose(.add, adapters, [0.5, 0.5]) { $0.leavesOutWholeModules = true }.result
    #expect(head(result) == nil && result.configuration.modulesToSave.isEmpty)
    let text =
      "\(Self.name): a has [2], b has [1], so the modules trained whole cannot be averaged; leave them out "
      + "with --without-heads"
    let error = #expect(throws: ArithmeticError.self) { try compose(.add, adapters, [0.5, 0.5]) }
    #expect("\(try #require(error))" == text)
  }

  @Test func headsWhoseWeightsDifferInSignHaveNoMean() throws {
    let adapters = try [adapter(1, head: [1, 2]), adapter(2, head: [3, 6])]
    let error = #expect(throws: ArithmeticError.self) { try compose(.cat, adapters, [1, -0.9]) }
    #expect(
      "\(try #require(error))" == "\(Self.name): the weights of the adapters that hold it have different signs, so "
        + "that it has no mean; leave the modules trained whole out with --without-heads")
  }

  @Test func headsOfSingleTasksAreAveragedWhereTheirLabelsAgree() throws {
    func adapter(_ seed: UInt64, _ values: [Float], _ labels: [String]) throws -> SavedAdapter {
      let tensors = [("weight", [2, 1], values), ("bias", [2], values)].map {
        SavedTensor(name: "base_model.model.classifier.sst2.\($0)", shape: $1, values: $2)
      }
      return try RandomAdapter.lora(seed, whole: tensors) {
        $0.taskHeads = [TaskHead(task: "sst2", labelCount: 2, labels: labels)]
      }
    }
    let first = try adapter(1, [1, 2], ["no", "yes"]), second = try adapter(2, [3, 4], ["no", "yes"])
    let result = try compose(.add, [first, second], [0.5, 0.5]).result
    #expect(result.configuration.taskHeads == first.configuration.taskHeads)
    #expect(result.byName["base_model.model.classifier.sst2.weight"]?.values == [2, 3])
    let unnamed = try compose(.add, [adapter(3, [3, 4], []), second], [0.5, 0.5]).result
    #expect(unnamed.configuration.taskHeads == second.configuration.taskHeads)
    let other = try adapter(3, [3, 4], ["yes", "no"])
    let error = #expect(throws: ArithmeticError.self) { try compose(.add, [first, other], [0.5, 0.5]) }
    #expect(
      "\(try #require(error))" == "the classification heads of task sst2 differ in their labels: a has no, yes, b has "
        + "yes, no; leave the heads out with --without-heads")
  }
}
