import Foundation
import TestSupport
import Testing
import Tokenizers

@testable import Tasks

private let text = (0..<6).map { "{\"text\": \"question \($0)\", \"label\": [\"answer\", \"reply \($0)\"]}\n" }.joined()

private func preparation(_ cache: URL?, length: Int = 100, endOfText: Int32? = 258, kind: SequenceKind = .causal) throws
  -> TaskPreparation
{
  try TaskPreparation(
    encoding: ByteEncoding(endOfTextId: endOfText),
    options: TokenizationOptions(kind: kind, maxSequenceLength: length, maxTargetLength: 5), cacheFolder: cache,
    taskNames: ["t"])
}

private func withTask(_ body: (TaskSpecification, _ cache: URL) throws -> Void) throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "t.jsonl")
    try Data(text.utf8).write(to: url)
    let task = TaskSpecification(
      name: "t", train: url, test: url, prompt: PromptOptions(.jsonLines, source: "{text}", target: "{label}"))
    try body(task, folder.appending(path: "cache"))
  }
}

private func files(in folder: URL) throws -> [URL] {
  try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
}

@Test func theReportCountsCutsAndTokens() throws {
  try withTask { task, _ in
    let report = try preparation(nil, length: 12).prepare(task, split: .train).report
    var expected = PreparationReport(task: "t", split: .train)
    expected.examples = 6
    expected.cutSources = 6  // 10 bytes and 5 tokens of answer do not fit 12
    expected.cutTargets = 6  // 6 bytes and the end do not fit 5
    expected.tokens = 72
    expected.labelTokens = 30
    expected.longestExample = 12
    expected.endingInEndOfText = 6
    #expect(report == expected)
  }
}

@Test(arguments: DataSplit.allCases)
func cachedTasksAreTheSame(split: DataSplit) throws {
  try withTask { task, cache in
    let preparation = try preparation(cache)
    let made = try preparation.prepare(task, split: split)
    let found = try preparation.prepare(task, split: split)
    #expect(!made.report.isFromCache)
    #expect(found.report.isFromCache)
    #expect(found.count == 6)
    for index in 0..<6 { #expect(found[index] == made[index]) }
    #expect(found.exampleLengths == made.exampleLengths)
    #expect(found[2].references == (split == .test ? ["answer", "reply 2"] : []))
    #expect(found[2].id == "3")
    var renamed = task
    renamed.name = "u"
    #expect(try preparation.prepare(renamed, split: split).report.task == "u")
    #expect(try files(in: cache).count == 1)
  }
}

@Test func whateverChangesTheTokensMissesTheCache() throws {
  try withTask { task, cache in
    func isFound(_ task: TaskSpecification, length: Int = 100, endOfText: Int32 = 258) throws -> Bool {
      try preparation(cache, length: length, endOfText: endOfText).prepare(task, split: .train).report.isFromCache
    }
    #expect(try !isFound(task))
    #expect(try isFound(task))
    #expect(try !isFound(task, length: 50))
    #expect(try !isFound(task, endOfText: 259))
    var other = task
    other.prompt.source = "{text}!"
    #expect(try !isFound(other))
    other = task
    other.prompt.maxTrainExamples = 3
    #expect(try !isFound(other))
    for part in 0...1 {
      other = task
      other.prompt.labels = ["answer", "x"] + (0..<6).map { "reply \($0)" }
      other.prompt.labelSplit = LabelSplit(skew: 0.5, part: part)
      #expect(try !isFound(other))
      #expect(try isFound(other))
    }
    try Data((text + text).utf8).write(to: try task.file(.train))
    #expect(try !isFound(task))
  }
}

@Test func damagedCacheFilesAreMadeAnew() throws {
  try withTask { task, cache in
    let preparation = try preparation(cache)
    let made = try preparation.prepare(task, split: .train)
    let url = try #require(try files(in: cache).first)
    let good = try Data(contentsOf: url)
    for damage in [good.dropLast(1), good.prefix(20), good.prefix(60) + [1] + good.dropFirst(61), Data()] {
      try damage.write(to: url)
      let again = try preparation.prepare(task, split: .train)
      #expect(again.report.note?.hasPrefix("the cached tokens in ") == true)
      #expect(again[5] == made[5])
      #expect(try Data(contentsOf: url) == good)
    }
  }
}

@Test func anUnwritableCacheIsANote() throws {
  try withTask { task, cache in
    try Data().write(to: cache)  // a file stands where the folder should be
    let report = try preparation(cache).prepare(task, split: .train).report
    #expect(report.note?.hasPrefix("the tokens could not be kept in ") == true)
    #expect(report.examples == 6)
  }
}

@Test func examplesWithoutLabelsAreDroppedAndCounted() throws {
  let lines = "{\"input_ids\": [1, 2], \"labels\": [1, -100]}\n{\"input_ids\": [1, 2], \"labels\": [-100, 2]}\n"
  try withFile("p.jsonl", lines) { url in
    let task = TaskSpecification(name: "p", train: url, test: url, prompt: PromptOptions(.pretokenized))
    let prepared = try preparation(nil).prepare(task, split: .train)
    #expect(prepared.count == 1)
    #expect(prepared.report.dropped == 1)
    #expect(prepared[0].id == "2")
    // Cut to one token, neither has a token that is predicted from another.
    let message = errorText { _ = try preparation(nil, length: 1).prepare(task, split: .train) }
    #expect(
      message == "Task p has nothing to train on: all 2 examples of \(url.path) are without a label after cutting. "
        + "Raise max_seq_length, or check the labels.")
  }
}

@Test func preTokenizedTestLinesGetTheirReferencesFromTheirLabels() throws {
  try withFile("p.jsonl", "{\"input_ids\": [65, 66, 258], \"labels\": [-100, 66, 258]}\n") { url in
    let task = TaskSpecification(name: "p", test: url, prompt: PromptOptions(.pretokenized))
    let prepared = try preparation(nil).prepare(task, split: .test)
    #expect(prepared[0].references == ["B"])
  }
}

@Test func classificationTasksSurviveTheCache() throws {
  try withFile("c.csv", "text,label\nab,no\ncd,yes\n") { url in
    let task = TaskSpecification(
      name: "c", train: url,
      prompt: PromptOptions(.csv, source: "{text}", target: "{label}", labels: ["no", "yes"]))
    let preparation = try preparation(
      url.deletingLastPathComponent().appending(path: "cache"), endOfText: nil, kind: .classification)
    _ = try preparation.prepare(task, split: .train)
    let found = try preparation.prepare(task, split: .train)
    #expect(found.report.isFromCache)
    #expect((0..<2).map { found[$0].label } == [0, 1])
    #expect(found.exampleLengths == [2, 2])
  }
}

@Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
func realTasksEndEveryAnswerAndFitTheLimit() throws {
  let tokenizer = try Tokenizer(folder: SharedFolder.url.appending(path: "tokenizers/gpt2"))
  let folder = SharedFolder.url.appending(path: "data/super-natural-instructions/test")
  let file = folder.appending(path: "task591_sciq_answer_generation.json")
  var prompt = PromptOptions(.superNaturalInstructions)
  prompt.maxTestExamples = 20
  let task = TaskSpecification(name: "sciq", test: file, prompt: prompt)
  let preparation = try TaskPreparation(
    encoding: tokenizer, tokenizerFiles: tokenizer.files,
    options: TokenizationOptions(kind: .causal, maxSequenceLength: 128, maxTargetLength: 32))
  let prepared = try preparation.prepare(task, split: .test)
  #expect(prepared.report.endingInEndOfText == prepared.count)
  #expect(prepared.report.longestExample <= 128)
  #expect(prepared.report.cutSources > 0)
  let example = prepared[0]
  let answer = tokenizer.decode(Array(example.inputIds.dropFirst(example.promptLength)), skipSpecialTokens: true)
  #expect(example.references.contains(answer))
}
