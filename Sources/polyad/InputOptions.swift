import Adapters
import ArgumentParser
import Backbones
import Foundation
import Tasks
import Training

/// A file of examples and the task they are routed by, as several verbs take them.
struct InputOptions: ParsableArguments {
  @Option(help: "JSON lines: input_ids and labels, or source and target.", completion: .file(extensions: ["jsonl"]))
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
    let knownTasks = adapter?.lineTasks ?? []
    let route = try task.map { task in
      guard let place = task.place(among: knownTasks) else {
        throw AdapterTaskError.unknownTask(task.text, known: knownTasks)
      }
      return place
    }
    let tasksOfLines = route.map { knownTasks.indices.contains($0) ? [knownTasks[$0]] : [] } ?? knownTasks
    // Nothing is cut: numbers for less than what was asked would mislead.
    let options = ModelInputs(backbone).tokenizationOptions(
      maximumLength: Int(Int32.max), maximumTargetLength: Int(Int32.max))
    let reader = ExampleLineReader(
      tokenizer: try ExampleTokenizer(encoding: assembly.tokenizer, options: options),
      taskNames: route == nil ? knownTasks : [],
      classes: tasksOfLines.map { adapter?.labels(of: $0) ?? [] })
    let examples = promptsOnly ? try reader.readPrompts(url) : try reader.read(url)
    for (place, example) in examples.enumerated() {
      let count = example.inputIds.count
      guard count > 0 else { throw CommandError.emptyExample(file: url.path, number: place + 1) }
      guard count <= backbone.maximumLength else {
        throw CommandError.longExample(
          file: url.path, number: place + 1, tokens: count, positions: backbone.maximumLength)
      }
    }
    let tasks = examples.map { route ?? $0.task }
    let heads = tasks.map { task -> HeadChoice in
      guard let task, knownTasks.indices.contains(task) else { return adapter?.soleHead ?? .classifier }
      return adapter?.headChoice(of: knownTasks[task]) ?? .classifier
    }
    let inputs = Scorer.Inputs(examples, tasks: tasks.map { $0 ?? 0 }, heads: heads)
    if !promptsOnly { try assembly.model.requireHeads(for: inputs, file: url.path) }
    return inputs
  }
}

extension TaskSelector: ExpressibleByArgument {
  public init(argument: String) { self = Int(argument).map(TaskSelector.index) ?? .name(argument) }
}
