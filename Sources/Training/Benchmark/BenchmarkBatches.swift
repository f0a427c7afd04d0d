import Tasks
import Tensors

/// The batches that a step benchmark trains on.
struct BenchmarkBatches {
  private let tasks: [TokenizedTask]
  /// Sequences of a batch and the parts it is cut in, all ranks together.
  let sequences, parts: Int

  init(_ tasks: [TokenizedTask], sequences: Int, parts: Int) {
    (self.tasks, self.sequences, self.parts) = (tasks, sequences, parts)
  }

  /// The examples of files dealt out to tasks, so that each task has examples of one file where there are as many tasks
  /// as files, or more.
  static func deal(_ files: [TokenizedTask], taskCount: Int) -> [TokenizedTask] {
    var examples = Array(repeating: [TokenizedExample](), count: taskCount)
    for (file, task) in files.enumerated() {
      let shares = file < taskCount ? (taskCount - file + files.count - 1) / files.count : 1
      for index in 0..<task.count {
        examples[file % taskCount + (file < taskCount ? index % shares * files.count : 0)].append(task[index])
      }
    }
    return examples.enumerated().map { place, own in
      TokenizedTask(name: "task \(place)", split: .train, kind: files[0].kind, own)
    }
  }

  /// Sequences sorted by length and cut into batches, the batches in random order, each part with as many sequences.
  func ofLikeLength(count: Int) -> [StepPlan] {
    let lengths = tasks.map(\.exampleLengths)
    let all = lengths.indices.flatMap { task in lengths[task].indices.map { (task: task, index: $0) } }
    let sorted = all.sorted {
      (lengths[$0.task][$0.index], $0.task, $0.index) < (lengths[$1.task][$1.index], $1.task, $1.index)
    }
    let batchCount = sorted.count / sequences, key = RandomKey(seed: 1).child("benchmark order")
    let order = (0..<batchCount).sorted { key.child(UInt64($0)).value < key.child(UInt64($1)).value }
    return (0..<count).map { step in
      var parts = Array(repeating: [ExampleReference](), count: parts)
      for place in 0..<sequences {
        let example = sorted[order[step % batchCount] * sequences + place]
        parts[place % parts.count].append(
          ExampleReference(task: example.task, index: example.index, ordinal: step * sequences + place))
      }
      return StepPlan(step: step, epoch: 0, parts: parts)
    }
  }

  /// The batches of a recipe's proportional mixture, cut by the tokens that they compute.
  ///
  /// - Throws: `MixtureError`.
  func ofTrainer(count: Int, group: Int, routes: TaskRoutes) throws -> [StepPlan] {
    let plan = try BatchPlan(
      exampleLengths: tasks.map(\.exampleLengths), mixing: MixingOptions(group: group), trainBatchSize: sequences,
      microBatches: parts, seed: 1, sharing: TaskAssembly.sequences(tasks, routes))
    return (0..<count).map(plan.step)
  }
}
