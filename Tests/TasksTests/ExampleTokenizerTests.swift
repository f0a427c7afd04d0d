import Foundation
import TestSupport
import Testing
import Tokenizers

@testable import Tasks

/// One token a byte; special tokens 256 before a text and 257 behind it; 258 ends an answer. In a pair 259 ends each
/// text, and the second has the type 1.
struct ByteEncoding: TextEncoding {
  var endOfTextId: Int32? = 258
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    let bytes = text.utf8.map { Int32($0) }
    return addSpecialTokens ? prefix + bytes + suffix : bytes
  }

  func pair(_ first: [Int32], _ second: [Int32]) -> (ids: [Int32], types: [Int32]) {
    let (head, tail) = (prefix + first + [259], second + [259])
    return (head + tail, head.map { _ in 0 } + tail.map { _ in 1 })
  }

  func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
    String(decoding: ids.filter { $0 < 256 }.map { UInt8($0) }, as: UTF8.self)
  }
}

private func tokenize(
  _ source: String, _ target: String, kind: SequenceKind = .causal, length: Int = 100, targetLength: Int = 100,
  encoding: ByteEncoding = ByteEncoding(), classes: [String] = []
) throws -> TokenizedExample {
  let options = TokenizationOptions(kind: kind, maxSequenceLength: length, maxTargetLength: targetLength)
  let example = Example(id: "1", source: source, references: [target])
  return try ExampleTokenizer(encoding: encoding, options: options).tokenize(example, classes: classes, task: "t")
}

private func bytes(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

private let none = TokenizedExample.noLabel

@Test func causalLabelsCoverTheAnswerAndItsEnd() throws {
  let example = try tokenize("ab", "xyz", encoding: ByteEncoding(prefix: [256]))
  #expect(Array(example.inputIds) == [256] + bytes("abxyz") + [258])
  #expect(Array(example.labels) == [none, none, none] + bytes("xyz") + [258])
  #expect(example.promptLength == 3)
  #expect(example.labelCount(.causal) == 4)
  #expect(example.tokenCount(.causal) == 7)
}

@Test func thePromptLeavesRoomForTheLongestAnswer() throws {
  for answer in ["", "x", "xyz"] {
    let cut = try tokenize("abcdefgh", answer, length: 10, targetLength: 4)
    #expect(Array(cut.inputIds) == bytes("abcdef" + answer) + [258])
    #expect(cut.promptLength == 6)
  }
  let answerCut = try tokenize("abc", "uvwxyz", length: 10, targetLength: 4)
  #expect(Array(answerCut.inputIds) == bytes("abcuvw") + [258])
}

@Test func answersTakeHalfOfASequenceAtMost() throws {
  let cut = try tokenize("abcdef", "uvwxyz", length: 7)
  #expect(Array(cut.inputIds) == bytes("abcduv") + [258])
  #expect(Array(try tokenize("ab", "uv", length: 2).inputIds) == bytes("a") + [258])
  #expect(Array(try tokenize("ab", "uv", length: 1).inputIds) == [258])
  // An encoder's prompt takes nothing from the decoder's answer.
  let pair = try tokenize("abcdefgh", "uvwxyz", kind: .sequenceToSequence, length: 8, targetLength: 9)
  #expect(Array(pair.inputIds) == bytes("abcdefgh") && Array(pair.labels) == bytes("uvwxyz") + [258])
}

@Test func encoderPromptsKeepTheirLastSpecialToken() throws {
  let encoding = ByteEncoding(prefix: [256], suffix: [257])
  let example = try tokenize(
    "abcdef", "uvwxyz", kind: .sequenceToSequence, length: 5, targetLength: 3, encoding: encoding)
  #expect(Array(example.inputIds) == [256] + bytes("abc") + [257])
  #expect(Array(example.labels) == bytes("uv") + [258])
  #expect(example.promptLength == 5)
  #expect(example.tokenCount(.sequenceToSequence) == 8)
}

@Test func classesAreNumberedByTheLabelSet() throws {
  let example = try tokenize("ab", "yes", kind: .classification, classes: ["no", "yes"])
  #expect(example.label == 1)
  #expect(example.labels.isEmpty)
  #expect(example.labelCount(.classification) == 1)
  #expect(try tokenize("ab", "2.5", kind: .classification).label == 2.5)
}

@Test func preTokenizedPromptsAreCutToBeAnswered() throws {
  let line = try lines("{\"input_ids\": [1, 2, 3, 4, 5], \"labels\": [-100, -100, -100, 4, 5]}")[0]
  #expect(Array(line.prompt(maximumLength: 2)) == [1, 2])
  #expect(Array(line.prompt(maximumLength: 100)) == [1, 2, 3])
}

@Test func labelsAreWholeAnswers() throws {
  func answers(_ labels: [String], _ kind: SequenceKind = .causal, length: Int = 8) throws -> [[Int32]] {
    let options = TokenizationOptions(kind: kind, maxSequenceLength: length, maxTargetLength: 5)
    return try ExampleTokenizer(encoding: ByteEncoding(), options: options).answers(labels, task: "wic")
  }
  #expect(try answers(["yes", "", "no"]) == [bytes("yes") + [258], [258], bytes("no") + [258]])
  #expect(try answers(["four"], .sequenceToSequence) == [bytes("four") + [258]])
  #expect(
    errorText { _ = try answers(["yes", "true"]) }
      == "Task wic ranks its labels, but \"true\" has 5 tokens with its end and an answer at most 4. "
      + "Raise max_target_length, which counts up to half of max_seq_length where both share it.")
  #expect(
    errorText { _ = try answers(["yes", "no", "yes"]) }
      == "Task wic ranks its labels, but \"yes\" and \"yes\" are the same tokens. Change one, here and in the data.")
}

@Test func tokenizingFaultsSayWhatToDo() {
  #expect(
    errorText { _ = try tokenize("a", "b", encoding: ByteEncoding(endOfTextId: nil)) }
      == "The tokenizer has no end-of-text token, so answers cannot end. Choose a tokenizer that has one.")
  #expect(
    errorText { _ = try tokenize("a", "b", length: 0) } == "max_seq_length is 0. Give a number above 0.")
  #expect(
    errorText { _ = try tokenize("a", "b", targetLength: -1) } == "max_target_length is -1. Give a number above 0.")
  #expect(
    errorText { _ = try tokenize("a", "b", kind: .classification) }
      == "Task t has no labels listed, and its label \"b\" is not a number. List the labels in class order.")
  #expect(
    errorText {
      let tokenizer = try ExampleTokenizer(encoding: nil, options: TokenizationOptions(kind: .causal))
      _ = try tokenizer.tokenize(Example(id: "1", source: "a", references: ["b"]), task: "t")
    } == "t holds text, but there is no tokenizer. Put a tokenizer.json into the model folder or tokenise the data.")
  #expect(
    "\(TaskError.unclearSpecialTokens)"
      == "The tokenizer's special tokens do not stand before and behind the text. Choose a tokenizer.json whose "
      + "post-processor is a template around the text.")
}

private func lines(
  _ text: String, kind: SequenceKind = .causal, length: Int = 100, encoding: ByteEncoding? = nil
) throws -> [TokenizedExample] {
  let options = TokenizationOptions(kind: kind, maxSequenceLength: length, maxTargetLength: 3, vocabularySize: 300)
  let reader = ExampleLineReader(
    tokenizer: try ExampleTokenizer(encoding: encoding, options: options), taskNames: ["one", "two"])
  return try withFile("lines.jsonl", text) { try reader.read($0) }
}

@Test func preTokenizedLinesAreReadAsTheyAre() throws {
  let examples = try lines(
    """
    {"input_ids": [1, 2, 3, 4], "labels": [-100, -100, 3, 4], "task": "two", "id": "x"}
    {"input_ids": [5, 6], "labels": [5, 6], "task": 0}
    {"input_ids": [5, 6]}
    """)
  #expect(Array(examples[0].inputIds) == [1, 2, 3, 4])
  #expect(Array(examples[0].labels) == [none, none, 3, 4])
  #expect(examples[0].promptLength == 2)
  #expect(examples[0].id == "x")
  #expect(examples.map(\.route) == [1, 0, nil])
  #expect(examples.map { $0.labelCount(.causal) } == [2, 1, 0])
  #expect(examples[2].promptLength == 2)
}

@Test func preTokenizedLinesAreCutBeforeTheFirstLabel() throws {
  let line = "{\"input_ids\": [1, 2, 3, 4, 5], \"labels\": [-100, -100, -100, 4, 5]}"
  #expect(Array(try lines(line, length: 4)[0].inputIds) == [1, 2, 4, 5])
  #expect(Array(try lines(line, length: 1)[0].inputIds) == [4])
  let both = try lines("{\"input_ids\": [1, 2, 3], \"labels\": [4, 5, 6, 7]}", kind: .sequenceToSequence, length: 2)
  #expect(Array(both[0].inputIds) == [1, 2])
  #expect(Array(both[0].labels) == [4, 5, 6])
  #expect(try lines("{\"input_ids\": [1, 2, 3], \"label\": 1}", kind: .classification)[0].label == 1)
}

@Test func linesOfTextAreTokenizedToo() throws {
  let text = "{\"source\": \"ab\", \"target\": \"x\"}\n{\"source\": \"ab\"}\n"
  let examples = try lines(text, encoding: ByteEncoding())
  #expect(Array(examples[0].inputIds) == bytes("abx") + [258])
  #expect(Array(examples[1].inputIds) == bytes("ab"))
}

@Test func badPreTokenizedLinesAreNamed() {
  func message(_ text: String) -> String {
    let full = errorText { _ = try lines(text) }
    // Without the folder the file happens to be in.
    return full.range(of: "lines.jsonl").map { String(full[$0.lowerBound...]) } ?? full
  }
  #expect(
    message("{\"input_ids\": [1, 2], \"labels\": [1]}")
      == "lines.jsonl:1 has 2 input_ids and 1 labels. There must be one label a token; "
      + "-100 marks a token without.")
  #expect(
    message("{\"input_ids\": [1, 300], \"labels\": [1, 2]}")
      == "lines.jsonl:1 has the token id 300, which is not from 0 to 299. "
      + "Tokenise the data with the model's own tokenizer.")
  #expect(message("{\"input_ids\": [1, -100], \"labels\": [1, 2]}").hasPrefix("lines.jsonl:1 has the token id -100"))
  #expect(message("{\"input_ids\": [1, 2], \"labels\": [1, -1]}").hasPrefix("lines.jsonl:1 has the token id -1,"))
  #expect(
    message("{\"target\": \"x\"}")
      == "lines.jsonl:1 needs input_ids with labels or label, or source with target or label.")
  #expect(
    message("{\"input_ids\": [1], \"task\": \"three\"}")
      == "lines.jsonl:1 names the task three; the tasks are one, two. Correct the line.")
  #expect(message("{\"input_ids\": [1], \"task\": 2}").hasPrefix("lines.jsonl:1 names the task 2; the tasks are one"))
}

@Test func textsWhoseTokensTheModelLacksAreNamed() throws {
  let options = TokenizationOptions(kind: .causal, vocabularySize: 98)
  let tokenizer = try ExampleTokenizer(encoding: ByteEncoding(), options: options)
  let example = Example(id: "1", source: "ab", references: ["a"])
  #expect(
    errorText { _ = try tokenizer.tokenize(example, task: "rte") }
      == "The tokenizer gives a text of rte the token id 98, but the model has ids from 0 to 97. "
      + "Set tokenizer_name_or_path to the model's own tokenizer.")
}

@Test func aPairHasItsTypesAndLosesTheEndOfItsLongerText() throws {
  func pair(_ first: String, _ second: String, length: Int) throws -> TokenizedExample {
    let options = TokenizationOptions(kind: .classification, maxSequenceLength: length, tokenTypeCount: 2)
    let example = Example(id: "1", source: first, sourcePair: second, references: ["1"])
    return try ExampleTokenizer(encoding: ByteEncoding(prefix: [256]), options: options).tokenize(example, task: "t")
  }
  let whole = try pair("abc", "de", length: 8)
  #expect(Array(whole.inputIds) == [256] + bytes("abc") + [259] + bytes("de") + [259])
  #expect(Array(whole.tokenTypes) == [0, 0, 0, 0, 0, 1, 1, 1])
  #expect(try Array(pair("abcdef", "gh", length: 9).inputIds) == [256] + bytes("abcd") + [259] + bytes("gh") + [259])
  #expect(try Array(pair("abcdef", "ghijk", length: 8).inputIds) == [256] + bytes("abc") + [259] + bytes("gh") + [259])
}

@Test(arguments: [
  (7, 3, 10, 7, 3), (7, 3, 9, 6, 3), (7, 3, 5, 3, 2), (3, 7, 5, 2, 3), (4, 4, 5, 2, 3), (9, 9, 0, 0, 0),
])
func aPairIsCutAsHuggingFacesLongestFirstDoes(_ first: Int, _ second: Int, _ room: Int, _ a: Int, _ b: Int) {
  #expect(ExampleTokenizer.pairLengths(first, second, room: room) == (a, b))
}
