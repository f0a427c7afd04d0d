/// The examples of a file that a task uses: those read but for ``PromptOptions/skipLabels``, and of the training
/// file the half that ``PromptOptions/labelSplit`` names.
public struct ExampleSelection: Sendable {
  /// In file order.
  public let examples: [Example]
  /// How many have a label to skip.
  let skipped: Int
  /// What the half holds; nil: the task is not split.
  let labelSplit: LabelSplitReport?

  /// - Parameter read: What ``TaskReader/read(_:limit:)`` gives.
  /// - Throws: ``TaskError/allSkipped(task:file:count:)`` or ``TaskError/emptyPart(task:file:part:count:)`` where
  ///   nothing is left.
  public init(_ read: [Example], of task: TaskSpecification, split: DataSplit) throws {
    let options = task.prompt
    let kept = options.skipLabels.isEmpty ? read : read.filter { !options.skipLabels.contains($0.target) }
    skipped = read.count - kept.count
    guard !kept.isEmpty || read.isEmpty else {
      throw TaskError.allSkipped(task: task.name, file: TextFile.name(of: try task.file(split)), count: skipped)
    }
    guard split == .train, let half = options.labelSplit, let first = options.labels.first else {
      (examples, labelSplit) = (kept, nil)
      return
    }
    let examples = half.places(hasFirstLabel: kept.map { $0.target == first }).map { kept[$0] }
    guard !examples.isEmpty else {
      throw TaskError.emptyPart(
        task: task.name, file: TextFile.name(of: try task.file(split)), part: half.part, count: kept.count)
    }
    let counts = examples.reduce(into: [:]) { $0[$1.target, default: 0] += 1 }
    self.examples = examples
    labelSplit = LabelSplitReport(
      total: kept.count, counts: options.labels.map { .init(label: $0, examples: counts[$0] ?? 0) })
  }
}
