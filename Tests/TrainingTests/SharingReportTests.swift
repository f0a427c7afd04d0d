import Tasks
import Testing

@testable import Training

/// What is said to be saved by computing shared beginnings once, on tasks whose savings can be counted by hand.
@Suite struct SharingReportTests {
  /// Examples of `count` prompts of the same first `common` tokens, `own` of their own and one label.
  private func task(_ name: String, count: Int, common: Int, own: Int, first: Int32) -> TokenizedTask {
    let examples = (0..<count).map { place in
      let prompt =
        (0..<common).map { first + Int32($0) } + (0..<own).map { first + 1000 + Int32(place * own + $0) }
      return TokenizedExample(id: "\(place)", prompt: prompt, answer: [0], kind: .causal)
    }
    return TokenizedTask(name: name, split: .train, kind: .causal, examples)
  }

  private func report(
    _ tasks: [TokenizedTask], batch: Int, parts: Int = 1, group: Int = 1, obstacle: SharingObstacle? = nil,
    stepLimit: Int = 200
  ) throws -> SharingReport {
    let plan = try BatchPlan(
      exampleLengths: tasks.map(\.exampleLengths), mixing: MixingOptions(group: group), trainBatchSize: batch,
      microBatches: parts, seed: 3)
    return SharingReport(
      tasks, plan: plan, isGrouped: group > 1, obstacle: obstacle, stepLimit: stepLimit
    ) { PrefixTree.Sequence(route: $0.task, tokens: tasks[$0.task][$0.index].inputIds) }
  }

  @Test func aBatchOfOnePartComputesABeginningOnce() throws {
    let tasks = [
      task("long", count: 8, common: 20, own: 3, first: 1), task("other", count: 4, common: 0, own: 9, first: 50),
    ]
    let report = try report(tasks, batch: 12)
    #expect([report.steps, report.stepsPerEpoch] == [1, 1])
    #expect(report.tasks.map(\.examples) == [8, 4])
    #expect(report.tasks.map(\.tokens) == [8 * 24, 4 * 10])
    #expect(report.tasks.map(\.computedTokens) == [20 + 8 * 4, 4 * 10])
    #expect(report.tasks.map(\.commonLength) == [20, 0])
    #expect(report.tasks.map(\.reason) == [nil, "its examples begin differently"])
    #expect(report.tokens == 232 && report.computedTokens == 92)
    #expect(report.ratio == 232 / 92.0 && report.tasks[1].ratio == 1)
  }

  /// What is counted is what the parts hold: summed over their trees, whatever cuts them.
  @Test(arguments: [1, 4], [1, 3]) func theSumIsThatOfTheParts(group: Int, parts: Int) throws {
    let tasks = (0..<5).map {
      task("\($0)", count: 7 + $0, common: 3 * $0, own: 2, first: Int32($0 * 5000))
    }
    let plan = try BatchPlan(
      exampleLengths: tasks.map(\.exampleLengths), mixing: MixingOptions(group: group), trainBatchSize: 8,
      microBatches: parts, seed: 3)
    let trees = (0..<plan.stepsPerEpoch).flatMap { plan.step($0).parts }.map { part in
      PrefixTree(part.map { PrefixTree.Sequence(route: $0.task, tokens: tasks[$0.task][$0.index].inputIds) })
    }
    let report = try report(tasks, batch: 8, parts: parts, group: group)
    #expect(report.computedTokens == trees.reduce(0) { $0 + $1.computedCount })
    #expect(report.tokens == tasks.reduce(0) { $0 + $1.exampleLengths.reduce(0, +) })
    #expect(report.computedTokens < report.tokens)
  }

  /// One example a task in every part: alone they share nothing, in groups they do.
  @Test func whatIsSeldomTogetherIsToldOfGroups() throws {
    let tasks = (0..<2).map { task("\($0)", count: 4, common: 20, own: 3, first: Int32($0 * 5000)) }
    let alone = try report(tasks, batch: 1)
    #expect(
      alone.tasks.map(\.reason)
        == Array(repeating: "seldom two in a part; mixing: {group: k} draws more together", count: 2))
    #expect(alone.ratio == 1)
    let grouped = try report(tasks, batch: 4, parts: 1, group: 4)
    #expect(grouped.tasks.map(\.reason) == [nil, nil])
    #expect(grouped.computedTokens == 2 * (20 + 4 * 4))
    let scattered = try report(tasks, batch: 2, parts: 2, group: 2)
    #expect(scattered.tasks[0].reason == "seldom two in a part; a larger mixing: {group: k} draws more together")
  }

  @Test(arguments: [
    (SharingObstacle.switchedOff, "share_prefixes is false"),
    (.readInBothDirections, "the encoder reads prompts in both directions"),
    (.dropout, "lora_dropout draws for each example; share_prefixes: true shares all the same"),
    (.routerNoise, "router_noise draws for each example; share_prefixes: true shares all the same"),
  ])
  func anObstacleIsTheReasonOfEveryTask(obstacle: SharingObstacle, text: String) throws {
    let tasks = (0..<2).map { task("\($0)", count: 4, common: 20, own: 3, first: Int32($0 * 5000)) }
    let report = try report(tasks, batch: 8, obstacle: obstacle)
    #expect(report.tasks.map(\.reason) == [text, text])
    #expect(report.tokens == 2 * 4 * 24 && report.computedTokens == report.tokens)
    #expect(report.tasks.map(\.commonLength) == [20, 20])
  }

  @Test func theFirstStepsOfALongEpochAreCounted() throws {
    let tasks = [task("long", count: 30, common: 20, own: 3, first: 1)]
    let report = try report(tasks, batch: 2, stepLimit: 4)
    #expect(report.steps == 4 && report.stepsPerEpoch == 15 && report.tasks[0].examples == 8)
    #expect(report.table.rows.last?.first == "the first 4 of 15 steps")
    #expect(report.table.rows.first?.prefix(6) == ["long", "8", "192", "112", "1.714", "20"])
    #expect(try self.report(tasks, batch: 30).table.rows.last?.first == "an epoch")
  }

  @Test func aCommonBeginningIsThatOfMoreThanHalf() {
    func length(_ sequences: [[Int32]]) -> Int { SharingReport.commonLength(sequences.map { $0[...] }) }
    #expect(length([]) == 0 && length([[1, 2]]) == 0)
    #expect(length([[1, 2, 3], [1, 2, 4], [9]]) == 2)
    #expect(length([[1, 2, 3], [9, 2, 3]]) == 0)
    #expect(length([[1, 2, 3], [1, 2, 3], [1, 7], [9]]) == 1)
    #expect(length([[1, 2], [1, 2], [1, 2, 3]]) == 2)
    #expect(SharingReport.commonLength([[0, 1, 2, 3][1...], [5, 1, 2, 4][1...]]) == 2)
  }

  @Test func jsonHasTheNumbersAndTheReasons() throws {
    let tasks = [task("long", count: 8, common: 20, own: 3, first: 1)]
    let json = try report(tasks, batch: 8).json
    #expect(json["tokens"] == 192 && json["tokens_computed"] == 52 && json["steps"] == 1)
    #expect(
      json["tasks"].text
        == #"[{"name": "long", "examples": 8, "tokens": 192, "tokens_computed": 52, "ratio": \#(192 / 52.0), "#
        + #""common_beginning": 20, "reason": null}]"#)
  }
}
