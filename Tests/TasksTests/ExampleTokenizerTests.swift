import Foundation
import TestSupport
import Tokenizers
import Testing

@testable import Tasks

/// One token a byte; special tokens 256 before a text and 257 behind it; 258 ends an answer.
struct ByteEncoding: TextEncoding {
  var endOfTextId: Int32? = 258
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    let bytes = text.utf8.map { Int32($0) }
    return addSpecialTokens ? prefix + bytes + suffix : bytes
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

@Test func thePromptGivesWayToTheAnswer() throws {
  let cut = try tokenize("abcdef", "xyz", length: 6)
  #expect(Array(cut.inputIds) == bytes("abxyz") + [258])
  let answerCut = try tokenize("abcdef", "uvwxyz", length: 10, targetLength: 4)
  #expect(Array(answerCut.inputIds) == bytes("abcdefuvw") + [258])
  let answerOnly = try tokenize("abcdef", "uvwxyz", length: 3)
  #expect(Array(answerOnly.inputIds) == bytes("uv") + [258])
  #expect(answerOnly.promptLength == 0)
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

@Test func generationPromptsDoNotDependOnTheAnswer() throws {
  let short = try tokenize("abcdefgh", "x", length: 8)
  let long = try tokenize("abcdefgh", "xyz", length: 8)
  #expect(short.prompt(maximumLength: 4) == long.prompt(maximumLength: 4))
  #expect(Array(long.prompt(maximumLength: 100)) == bytes("abcd"))
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
  #expect(examples.map(\.task) == [1, 0, nil])
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
      == "lines.jsonl:1 has 2 input_ids and 1 labels. A causal model needs one label a token; "
      + "-100 marks a token without.")
  #expect(
    message("{\"input_ids\": [1, 300], \"labels\": [1, 2]}")
      == "lines.jsonl:1 has the token id 300, which is not from 0 to 299. "
      + "Tokenise the data with the model's own tokenizer.")
  #expect(message("{\"input_ids\": [1, -100], \"labels\": [1, 2]}").hasPrefix("lines.jsonl:1 has the token id -100"))
  #expect(message("{\"input_ids\": [1, 2], \"labels\": [1, -1]}").hasPrefix("lines.jsonl:1 has the token id -1,"))
  #expect(
    message("{\"target\": \"x\"}") == "lines.jsonl:1 needs input_ids with labels or label, or source and target.")
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
