import JSON
import Tasks
import Tokenizers
import Training

/// A tokenised set's examples beside the texts they came from, as `prepare` shows them.
struct PreparedExamples: Sequence {
  private let set: TokenizedTask
  private let tokenizer: Tokenizer?
  /// The texts of the file's examples in use, in its order; empty for a pre-tokenized task.
  private let texts: [Example]

  /// - Throws: `TaskError`.
  init(_ set: TokenizedTask, _ specification: TaskSpecification, tokenizer: Tokenizer?) throws {
    (self.set, self.tokenizer) = (set, tokenizer)
    guard specification.prompt.format != .pretokenized else {
      texts = []
      return
    }
    let read = try TaskReader(specification).read(set.split)
    texts = try ExampleSelection(read, of: specification, split: set.split).examples
  }

  func makeIterator() -> AnyIterator<PreparedExample> {
    var place = 0
    var texts = texts[...]
    return AnyIterator {
      guard place < set.count else { return nil }
      let tokens = set[place]
      place += 1
      // The set has the file's order and lacks what was dropped.
      texts = texts.drop { $0.id != tokens.id }
      return PreparedExample(
        task: set.name, split: set.split, kind: set.kind, tokens: tokens, original: texts.popFirst(),
        tokenizer: tokenizer)
    }
  }
}

/// One example as text and as tokens.
struct PreparedExample {
  let task: String
  let split: DataSplit
  let kind: SequenceKind
  let tokens: TokenizedExample
  /// nil where the task is pre-tokenized.
  let original: Example?
  let tokenizer: Tokenizer?

  /// A classified example has its `label` too.
  var json: JSONValue {
    let prompt = tokens.inputIds.prefix(tokens.promptLength)
    let answer = tokens.labels.filter { $0 != TokenizedExample.noLabel }
    return [
      "task": .string(task), "split": .string(split.rawValue), "id": .string(tokens.id),
      "source": .string(original?.source ?? decode(prompt, skipSpecialTokens: true)),
      "target": .string(
        original?.target ?? tokens.label.map(TokenizedExample.text) ?? decode(answer, skipSpecialTokens: true)),
      "references": .array((original?.references ?? tokens.references).map { .string($0) }),
      "input_ids": .array(tokens.inputIds.map { .int(Int($0)) }),
      "labels": .array(tokens.labels.map { .int(Int($0)) }),
    ]
  }

  /// A heading, and the tokens' text with what is trained on between ⟦ and ⟧.
  var text: String {
    let prompt = decode(tokens.inputIds, skipSpecialTokens: false)
    let body =
      if kind == .causal {
        marked(tokens.inputIds, tokens.labels)
      } else if let label = tokens.label {
        "\(prompt) → ⟦\(original?.target ?? TokenizedExample.text(ofLabel: label))⟧"
      } else {
        prompt + " → " + marked(tokens.labels, tokens.labels)
      }
    return "--- \(task) (\(split.rawValue)) \(tokens.id), \(tokens.tokenCount(kind)) tokens\n\(body)\n"
  }

  private func marked(_ ids: ArraySlice<Int32>, _ labels: ArraySlice<Int32>) -> String {
    var pieces: [String] = []
    var rest = Array(zip(ids, labels))[...]
    while let isTrained = rest.first.map({ Self.isTrained($0.1) }) {
      let run = rest.prefix { Self.isTrained($0.1) == isTrained }
      rest = rest.dropFirst(run.count)
      let piece = decode(run.map(\.0), skipSpecialTokens: false)
      pieces.append(isTrained ? "⟦\(piece)⟧" : piece)
    }
    return pieces.joined()
  }

  private static func isTrained(_ label: Int32) -> Bool { label != TokenizedExample.noLabel }

  /// The ids' text; the ids themselves where there is no tokenizer.
  private func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool) -> String {
    tokenizer?.decode(Array(ids), skipSpecialTokens: skipSpecialTokens)
      ?? ids.map(String.init).joined(separator: " ")
  }
}
