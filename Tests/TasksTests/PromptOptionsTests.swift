import Foundation
import Testing

@testable import Tasks

/// What the cache of tokens is looked up by.
struct PromptOptionsTests {
  /// A change of every property, under its name.
  private static let changes: [(property: String, change: @Sendable (inout PromptOptions) -> Void)] = [
    ("format", { $0.format = .csv }), ("source", { $0.source += "!" }), ("sourcePair", { $0.sourcePair = "{b}" }),
    ("target", { $0.target += "!" }), ("labels", { $0.labels = ["x"] }), ("skipLabels", { $0.skipLabels = ["-"] }),
    ("positiveExamples", { $0.positiveExamples = 1 }), ("negativeExamples", { $0.negativeExamples = 1 }),
    ("explanations", { $0.explanations = true }), ("maxTrainExamples", { $0.maxTrainExamples = 3 }),
    ("labelSplit", { $0.labelSplit = LabelSplit(skew: 0.5, part: 0) }),
    ("maxTestExamples", { $0.maxTestExamples = 3 }), ("delimiterText", { $0.delimiter = ";" }),
  ]

  /// The same of the limits that the recipe and the model set.
  private static let limitChanges: [(property: String, change: @Sendable (inout TokenizationOptions) -> Void)] = [
    ("kind", { $0.kind = .sequenceToSequence }), ("maxSequenceLength", { $0.maxSequenceLength = 50 }),
    ("maxTargetLength", { $0.maxTargetLength = 6 }), ("endOfTextId", { $0.endOfTextId = 7 }),
    ("vocabularySize", { $0.vocabularySize = 300 }), ("tokenTypeCount", { $0.tokenTypeCount = 2 }),
  ]

  private func names(
    _ options: PromptOptions, _ limits: TokenizationOptions = TokenizationOptions(kind: .causal), name: String = "t"
  ) throws -> [String] {
    try withFile("t.jsonl", "{}") { file in
      let preparation = try TaskPreparation(encoding: ByteEncoding(endOfTextId: 258), options: limits)
      let task = TaskSpecification(name: name, prompt: options)
      return try DataSplit.allCases.map { try preparation.cacheName(task, split: $0, file: TextFile(file)) }
    }
  }

  @Test func everyPropertyIsPartOfTheKey() throws {
    let options = PromptOptions(.jsonLines), before = try names(options)
    #expect(Mirror(reflecting: options).children.compactMap(\.label) == Self.changes.map(\.property))
    var seen = Set(before)
    for (property, change) in Self.changes {
      var changed = options
      change(&changed)
      #expect(changed != options)
      let after = try names(changed)
      // What concerns one split alone leaves the tokens of the other as they are.
      let untouched = ["maxTrainExamples": [1], "labelSplit": [1], "maxTestExamples": [0]][property] ?? []
      for split in before.indices {
        #expect((after[split] == before[split]) == untouched.contains(split), "\(property)")
        #expect(seen.insert(after[split]).inserted != untouched.contains(split), "\(property)")
      }
    }
  }

  @Test func everyLimitIsPartOfTheKey() throws {
    let limits = TokenizationOptions(kind: .causal), options = PromptOptions(.jsonLines)
    #expect(Mirror(reflecting: limits).children.compactMap(\.label) == Self.limitChanges.map(\.property))
    var seen = Set(try names(options))
    for (property, change) in Self.limitChanges {
      var changed = limits
      change(&changed)
      for name in try names(options, changed) { #expect(seen.insert(name).inserted, "\(property)") }
    }
  }

  @Test func aTasksNameIsNoPartOfIt() throws {
    let options = PromptOptions(.jsonLines)
    #expect(try names(options) == names(options, name: "other"))
  }
}
