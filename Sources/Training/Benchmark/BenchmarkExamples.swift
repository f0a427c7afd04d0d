import Foundation
import Tasks

/// The examples that a step benchmark trains on: real texts, tokenised for any shape of model.
struct BenchmarkExamples {
  private let tokenizer: ExampleTokenizer
  private let positiveExamples: Int

  /// - Parameter positiveExamples: Of the task, in each prompt.
  /// - Throws: `TaskError`.
  init(_ encoding: any TextEncoding, options: TokenizationOptions, positiveExamples: Int) throws {
    self.positiveExamples = positiveExamples
    let folded = FoldedEncoding(base: encoding, vocabularySize: options.vocabularySize ?? .max)
    tokenizer = try ExampleTokenizer(encoding: folded, options: options)
  }

  /// The first examples of a Super-NaturalInstructions file. A model that
  /// classifies gets the classes 0 and 1 in turn.
  ///
  /// - Throws: `TaskError`.
  func read(_ file: URL, limit: Int?) throws -> TokenizedTask {
    let name = file.deletingPathExtension().lastPathComponent
    var prompt = PromptOptions(.superNaturalInstructions)
    (prompt.positiveExamples, prompt.maxTrainExamples) = (positiveExamples, limit)
    let specification = TaskSpecification(name: name, train: file, prompt: prompt)
    let classifies = tokenizer.options.kind == .classification
    let examples = try TaskReader(specification).read(.train).enumerated().map { place, example in
      let references = classifies ? [String(place % 2)] : example.references
      return try tokenizer.tokenize(
        Example(id: example.id, source: example.source, references: references), task: name)
    }
    return TokenizedTask(name: name, split: .train, kind: tokenizer.options.kind, examples)
  }
}

/// A tokenizer whose ids are folded into a smaller vocabulary, so that models of any vocabulary see the same lengths.
private struct FoldedEncoding: TextEncoding {
  let base: any TextEncoding
  let vocabularySize: Int

  var endOfTextId: Int32? { base.endOfTextId.map(fold) }

  func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    base.encode(text, addSpecialTokens: addSpecialTokens).map(fold)
  }

  func pair(_ first: [Int32], _ second: [Int32]) -> (ids: [Int32], types: [Int32]) {
    let (ids, types) = base.pair(first, second)
    return (ids.map(fold), types)
  }

  func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String {
    base.decode(ids, skipSpecialTokens: skipSpecialTokens)
  }

  private func fold(_ id: Int32) -> Int32 { Int(id) < vocabularySize ? id : id % Int32(vocabularySize) }
}
