import Adapters
import ArgumentParser
import Backbones
import Foundation
import Tasks
import Training

/// A file of examples and the task they are routed by, as several verbs take them.
struct InputOptions: ParsableArguments {
  @Option(
    help: """
      JSON lines: input_ids and labels, or source and target; to be classified, input_ids (and token_type_ids) or \
      source (and source_pair), and label or target.
      """, completion: .file(extensions: ["jsonl"]))
  var input: String
  @Option(help: "The task that routes every line: its number from 0, or its name. Default: each line's own, or 0.")
  var task: TaskSelector?

  func validate() throws {
    if let task, task.place(among: []) == nil { throw ValidationError("--task must be 0 or more") }
  }

  /// The examples, checked to fit the model.
  ///
  /// - Parameter promptsOnly: Whether labels and targets are left unread.
  func read(for assembly: ModelAssembly, promptsOnly: Bool) throws -> Scorer.Inputs {
    let url = URL(filePath: input)
    let backbone = assembly.model.backbone
    let adapter = assembly.model.configuration
    let names = adapter?.lineTasks ?? []
    let given = try task.map { task in
      guard let route = task.place(among: names) else {
        throw AdapterTaskError.unknownTask(task.text, known: names)
      }
      return route
    }
    // A line without a task has the first of those that skills belong to.
    let usual = given ?? (adapter?.routing == .task ? 0 : nil)
    let usualHead = assembly.model.headChoice(of: usual.flatMap { names.indices.contains($0) ? names[$0] : nil })
    // Nothing is cut: numbers for less than what was asked would mislead.
    let options = ModelInputs(backbone).tokenizationOptions(
      maximumLength: Int(Int32.max), maximumTargetLength: Int(Int32.max))
    let reader = ExampleLineReader(
      tokenizer: try ExampleTokenizer(encoding: assembly.tokenizer, options: options),
      taskNames: given == nil ? names : [],
      classes: given == nil ? names.map { assembly.model.labels(of: adapter?.headChoice(of: $0)) } : [],
      otherClasses: assembly.model.labels(of: usualHead))
    let examples = promptsOnly ? try reader.readPrompts(url) : try reader.read(url)
    for (place, example) in examples.enumerated() {
      let count = example.inputIds.count
      guard count > 0 else { throw CommandError.emptyExample(file: url.path, number: place + 1) }
      guard count <= backbone.maximumLength else {
        throw CommandError.longExample(
          file: url.path, number: place + 1, tokens: count, positions: backbone.maximumLength)
      }
    }
    return Scorer.Inputs(
      examples, routes: examples.map { given ?? $0.route ?? usual ?? 0 },
      heads: examples.map { example in
        guard given == nil, let own = example.route, names.indices.contains(own) else { return usualHead }
        return assembly.model.headChoice(of: names[own])
      })
  }
}

extension TaskSelector: ExpressibleByArgument {
  public init(argument: String) { self = Int(argument).map(TaskSelector.index) ?? .name(argument) }
}
