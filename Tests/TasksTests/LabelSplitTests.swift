import Foundation
import TestSupport
import Testing

@testable import Tasks

/// The definition, written as it is said: take, fill up, and leave the rest.
private func halves(_ labels: [String], first: String, skew: Double) -> [[Int]] {
  let firsts = labels.indices.filter { labels[$0] == first }
  let others = labels.indices.filter { labels[$0] != first }
  let size = labels.count / 2
  var taken = Array(firsts.prefix(min(Int((skew * Double(firsts.count)).rounded()), size)))
  let further = firsts.dropFirst(taken.count)
  taken += others.prefix(size - taken.count)
  taken += further.prefix(size - taken.count)
  return [taken.sorted(), labels.indices.filter { !taken.contains($0) }]
}

/// Labels in an irregular order, `share` of them "a", the others "b" and "c".
private func labels(_ count: Int, share: Double) -> [String] {
  var state: UInt64 = 1
  return (0..<count).map { place in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 31) < share ? "a" : place % 3 == 0 ? "b" : "c"
  }
}

@Test(arguments: [0, 0.1, 0.5, 0.9, 1], [0, 0.33, 0.5, 0.8, 1])
func halvesAreThoseOfTheDefinition(share: Double, skew: Double) {
  for count in [1, 2, 3, 10, 11, 100, 101] {
    let labels = labels(count, share: share)
    let found = (0...1).map { LabelSplit(skew: skew, part: $0).places(hasFirstLabel: labels.map { $0 == "a" }) }
    #expect(found == halves(labels, first: "a", skew: skew))
    #expect(found[0].count == count / 2)
    #expect((found[0] + found[1]).sorted() == Array(0..<count))
  }
}

@Test func theSettingOfThePaperSkewsBothHalves() {
  let isFirst = (0..<20).map { $0 % 2 == 0 }
  let half = LabelSplit(skew: 0.8, part: 0).places(hasFirstLabel: isFirst)
  #expect(half == [0, 1, 2, 3, 4, 6, 8, 10, 12, 14])  // 8 of the 10 even ones and 2 odd ones
  // Half of an odd count rounds away from 0; a share larger than the half is cut to it.
  #expect(LabelSplit(skew: 0.5, part: 0).places(hasFirstLabel: Array(repeating: true, count: 7)) == [0, 1, 2])
  #expect(LabelSplit(skew: 0.5, part: 0).places(hasFirstLabel: [true, false, false, false]) == [0, 1])
}

/// A task of lines labelled "b", "a", "-", "a", "b", "a", "a".
private func withTask(_ body: (TaskSpecification, TaskPreparation) throws -> Void) throws {
  let lines = zip(1..., "ba-abaa").map { "{\"id\": \"n\($0)\", \"text\": \"t\", \"label\": \"\($1)\"}\n" }.joined()
  try withFile("t.jsonl", lines) { url in
    var prompt = PromptOptions(.jsonLines, source: "{text}", target: "{label}", labels: ["a", "b"])
    prompt.skipLabels = ["-"]
    let task = TaskSpecification(name: "t", train: url, test: url, prompt: prompt)
    let preparation = try TaskPreparation(
      encoding: ByteEncoding(endOfTextId: 258),
      options: TokenizationOptions(kind: .causal, maxSequenceLength: 20, maxTargetLength: 5),
      cacheFolder: url.deletingLastPathComponent().appending(path: "cache"))
    try body(task, preparation)
  }
}

private func ids(_ task: TokenizedTask) -> [String] { (0..<task.count).map { task[$0].id } }

@Test func aSplitCutsWhatSkippedLabelsAndTheLimitLeave() throws {
  try withTask { task, preparation in
    var task = task
    task.prompt.maxTrainExamples = 6  // "ba-aba", of which 5 have a label
    task.prompt.labelSplit = LabelSplit(skew: 0.4, part: 0)
    for isFromCache in [false, true] {
      let prepared = try preparation.prepare(task, split: .train)
      #expect(ids(prepared) == ["n1", "n2"])
      let report = prepared.report
      #expect(report.isFromCache == isFromCache && report.skipped == 1)
      let counts = [("a", 1), ("b", 1)].map { LabelSplitReport.Count(label: $0, examples: $1) }
      #expect(report.labelSplit == LabelSplitReport(total: 5, counts: counts))
    }
    task.prompt.labelSplit = LabelSplit(skew: 0.4, part: 1)
    #expect(try ids(preparation.prepare(task, split: .train)) == ["n4", "n5", "n6"])
    // The test set stays whole, and the first label is that of the list, not of the file.
    let test = try preparation.prepare(task, split: .test)
    #expect(ids(test) == ["n1", "n2", "n4", "n5", "n6", "n7"])
    #expect(test.report.labelSplit == nil)
    task.prompt.labels = ["b", "a"]
    task.prompt.labelSplit = LabelSplit(skew: 1, part: 0)
    #expect(try ids(preparation.prepare(task, split: .train)) == ["n1", "n5"])
  }
}

@Test func aHalfWithoutExamplesIsNamed() throws {
  try withTask { task, preparation in
    var task = task
    task.prompt.maxTrainExamples = 1
    task.prompt.labelSplit = LabelSplit(skew: 0.8, part: 1)
    #expect(try ids(preparation.prepare(task, split: .train)) == ["n1"])
    task.prompt.labelSplit?.part = 0
    let file = try #require(task.train).path
    #expect(
      errorText { _ = try preparation.prepare(task, split: .train) }
        == "Task t has nothing left of \(file): part 0 of its split has none of 1 example(s). "
        + "Give it more examples or another split.")
    task.prompt.skipLabels = ["-", "b"]
    task.prompt.labels = ["a"]
    #expect(
      errorText { _ = try preparation.prepare(task, split: .train) }
        == "Task t has nothing left of \(file): 1 examples have a label of skip_labels. Correct skip_labels.")
  }
}
