import Foundation

/// Reads the text tasks' files into prompts and answers.
public struct TaskReader: Sendable {
  public let specification: TaskSpecification

  public init(_ specification: TaskSpecification) { self.specification = specification }

  private var options: PromptOptions { specification.prompt }

  /// How a record becomes texts.
  private struct Templates {
    let source, target: Template
    let sourcePair: Template?

    init(_ options: PromptOptions) throws {
      source = try Template(options.source)
      target = try Template(options.target)
      sourcePair = try options.sourcePair.map { try Template($0) }
    }
  }

  /// The examples of one split, in file order.
  ///
  /// - Parameter limit: The largest number to read; nil: the specification's own.
  /// - Throws: ``TaskError`` with the file and line at fault. `pretokenized` tasks have no text: see
  ///   ``ExampleLineReader``.
  public func read(_ split: DataSplit, limit: Int? = nil) throws -> [Example] {
    try read(try TextFile(specification, split: split), limit: limit ?? options.exampleLimit(split))
  }

  func read(_ file: TextFile, limit: Int?) throws -> [Example] {
    let limit = limit ?? Int.max
    let examples =
      switch options.format {
      case .superNaturalInstructions: try readInstructions(file, limit: limit)
      case .jsonLines: try readJSONLines(file, limit: limit)
      case .csv: try readTable(file, limit: limit)
      case .pretokenized: preconditionFailure("task \(specification.name) is pretokenized and has no text")
      }
    guard !examples.isEmpty else { throw TaskError.noExamples(task: specification.name, file: file.name) }
    return examples
  }

  private func readInstructions(_ file: TextFile, limit: Int) throws -> [Example] {
    let task = try file.decode(SuperNaturalInstructions.self, from: file.bytes, line: nil, with: JSONDecoder())
    let prompt = SuperNaturalInstructionsPrompt(
      task, positiveExamples: options.positiveExamples, negativeExamples: options.negativeExamples,
      explanations: options.explanations)
    return try task.instances.prefix(limit).enumerated().map { index, instance in
      // The schema has one line a file, so the place of an instance is its number.
      guard !instance.output.texts.isEmpty else {
        throw TaskError.badJSON(file: file.name, line: nil, reason: "Instances [\(index)] output is empty")
      }
      try checkLabels(instance.output.texts, file: file.name, line: index + 1)
      return Example(
        id: instance.id ?? String(index + 1), source: prompt.source(for: instance.input),
        references: instance.output.texts)
    }
  }

  private func readJSONLines(_ file: TextFile, limit: Int) throws -> [Example] {
    let templates = try Templates(options)
    let decoder = JSONDecoder()
    var examples: [Example] = []
    try file.forEachLine { json, number in
      guard examples.count < limit else { return false }
      let fields = try file.decode([String: FieldValue].self, from: json, line: number, with: decoder)
      examples.append(try example(Record(fields: fields, file: file.name, line: number), templates))
      return true
    }
    return examples
  }

  private func readTable(_ file: TextFile, limit: Int) throws -> [Example] {
    let templates = try Templates(options)
    let delimiter = options.delimiter ?? (file.url.pathExtension.lowercased() == "tsv" ? "\t" : ",")
    return try TableFile(file, delimiter: delimiter).records(limit: limit).map { try example($0, templates) }
  }

  private func example(_ record: Record, _ templates: Templates) throws -> Example {
    let references = try templates.target.fillAll(record)
    try checkLabels(references, file: record.file, line: record.line)
    var id = String(record.line)
    if case .text(let given)? = record.fields["id"], !given.isEmpty { id = given }
    return Example(
      id: id, source: try templates.source.fill(record), sourcePair: try templates.sourcePair?.fill(record),
      references: references)
  }

  private func checkLabels(_ references: [String], file: String, line: Int) throws {
    guard !options.labels.isEmpty else { return }
    let known = options.labels + options.skipLabels
    for reference in references where !known.contains(reference) {
      throw TaskError.labelOutsideSet(file: file, line: line, label: reference, allowed: options.labels)
    }
  }
}
