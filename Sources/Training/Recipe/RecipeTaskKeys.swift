import Foundation
import Tasks
import Yams

extension TaskSpecification: RecipeSection {
  init() { self.init(name: "", prompt: PromptOptions(.jsonLines)) }

  static var fields: [RecipeField<Self>] {
    func only(_ formats: TaskFormat...) -> (Self) -> String? {
      { formats.contains($0.prompt.format) ? nil : "format \($0.prompt.format.rawValue)" }
    }
    let instructions = only(.superNaturalInstructions)
    let templates = only(.jsonLines, .csv)
    let texts = only(.superNaturalInstructions, .jsonLines, .csv)
    return [
      .init("name", \.name, isRequired: true, mustBe: .notEmpty),
      .init("format", \.prompt.format, isRequired: true),
      .init("train", \.train),
      .init("test", \.test),
      .init("metrics", \.metrics, mustBe: .notEmpty),
      .init("positive_examples", \.prompt.positiveExamples, mustBe: .notNegative, conflict: instructions),
      .init("negative_examples", \.prompt.negativeExamples, mustBe: .notNegative, conflict: instructions),
      .init("explanations", \.prompt.explanations, conflict: instructions),
      .init("source", \.prompt.source, mustBe: .notEmpty, conflict: templates),
      .init("source_pair", \.prompt.sourcePair, mustBe: .notEmpty, conflict: templates),
      .init("target", \.prompt.target, mustBe: .notEmpty, conflict: templates),
      .init(
        "labels", \.prompt.labels, mustBe: .init("a list of texts that differ") { Set($0).count == $0.count },
        conflict: texts),
      .init("skip_labels", \.prompt.skipLabels, conflict: texts),
      .init("num_labels", \.numLabels, mustBe: .within(1...65536)),
      .init("prediction", \.prediction, conflict: texts),
      .init(
        "length_normalize", \.lengthNormalize,
        conflict: { $0.prediction == .generation ? "prediction \($0.prediction.rawValue)" : nil }),
      .init("delimiter", \.prompt.delimiter, conflict: only(.csv)),
      .init("weight", \.weight, mustBe: .positive),
      .init("max_train_examples", \.prompt.maxTrainExamples, mustBe: .atLeastOne),
      .init("split", \.prompt.labelSplit, conflict: texts),
      .init("max_test_examples", \.prompt.maxTestExamples, mustBe: .atLeastOne),
    ]
  }

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {
    let (labels, skipLabels, labelSplit) = (prompt.labels, prompt.skipLabels, prompt.labelSplit)
    guard train != nil || test != nil else {
      throw .missingKey("\(reader.location.path("train")) or test", reader.location.place)
    }
    guard numLabels != 1 || labels.isEmpty else {
      throw .outOfRange(
        key: reader.location.path("num_labels"), reader.place(of: "num_labels"), found: "1",
        requirement: "2 or more where labels name classes; 1 is a number, without labels")
    }
    if let both = labels.first(where: skipLabels.contains) {
      throw .outOfRange(
        key: reader.location.path("skip_labels"), reader.place(of: "skip_labels"), found: both,
        requirement: "of labels that are not among labels")
    }
    if let numLabels, !labels.isEmpty, labels.count != numLabels {
      throw .outOfRange(
        key: reader.location.path("num_labels"), reader.place(of: "num_labels"), found: String(numLabels),
        requirement: "\(labels.count), as many as labels")
    }
    guard prediction == .generation || !labels.isEmpty else {
      throw .outOfRange(
        key: reader.location.path("prediction"), reader.place(of: "prediction"), found: prediction.rawValue,
        requirement: "left out unless task \(name) lists its labels")
    }
    guard labelSplit == nil || !labels.isEmpty else {
      throw .outOfRange(
        key: reader.location.path("split"), reader.place(of: "split"),
        found: labelSplit.map { RecipeYAML.line($0.node) } ?? "null",
        requirement: "left out unless task \(name) lists its labels")
    }
    if !reader.states("metrics"), !labels.isEmpty { metrics = [.exactMatch, .accuracy] }
    if !reader.states("metrics"), let numLabels {
      metrics = numLabels == 1 ? [.pearson, .spearman] : [.exactMatch, .accuracy]
    }
  }
}

extension LabelSplit: RecipeSection {
  init() { self.init(skew: 0, part: 0) }

  static var fields: [RecipeField<Self>] {
    [
      .init("skew", \.skew, isRequired: true, mustBe: .share),
      .init("part", \.part, isRequired: true, mustBe: .within(0...1)),
    ]
  }
}

extension PredictionMethod: RecipeChoice {}
extension TaskFormat: RecipeChoice {}
extension Metric: RecipeChoice {}

extension Character: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Character {
    // Any scalar: `delimiter: 0` would be odd, but it is one character.
    guard let text = node.scalar?.string, let character = text.first, text.count == 1 else {
      throw location.wrongType(node, expected: "one character, such as \";\"")
    }
    return character
  }

  var node: Node { String(self).node }
}

/// A data file: an absolute file URL, or a URL with the scheme `builtin`.
extension URL: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> URL {
    let text = try String.read(node, at: location)
    if text.hasPrefix("builtin:"), let url = URL(string: text) { return url }
    guard !text.isEmpty else { throw location.wrongType(node, expected: "the path of a file") }
    return URL(filePath: RecipePath.absolute(text, in: location.folder), directoryHint: .notDirectory)
  }

  var node: Node { (isFileURL ? path : absoluteString).node }
}
