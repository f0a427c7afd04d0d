/// Which numbers of the flat arrays train, and which of them one step's tasks concern.
///
/// Every list of ranges is ascending, without empty or touching ranges, so that equal sets are equal lists.
extension TrainableParameters {
  /// How many numbers train.
  public var trainedCount: Int { trainedRanges.reduce(0) { $0 + $1.count } }

  /// How many tasks have rows of their own; 0 if no parameter has any.
  public var taskCount: Int { entries.map(\.taskCount).max() ?? 0 }

  /// What trains of the shared rows and of the rows that belong to `tasks`: all that a batch of these tasks can give a
  /// gradient.
  ///
  /// - Parameter tasks: Each in 0 ..< ``taskCount``, in any order; without effect where no parameter has rows of tasks.
  public func ranges(touchedBy tasks: some Collection<Int>) -> [Range<Int>] {
    hasTaskRows ? trainedRanges.intersection(rows(touchedBy: tasks)) : trainedRanges
  }

  /// What trains of the rows that belong to one task alone.
  public func ranges(ofTask task: Int) -> [Range<Int>] {
    var rows: [Range<Int>] = []
    for entry in entries { entry.rows(ofTask: task).map { rows.appendMerging($0) } }
    return trainedRanges.intersection(rows)
  }

  /// Zeroes the gradients that a batch of `tasks` can have left, those of frozen numbers included.
  public func zeroGradients(touchedBy tasks: some Collection<Int>) {
    guard hasTaskRows else { return zeroGradients() }
    for range in rows(touchedBy: tasks) {
      (gradients.baseAddress! + range.lowerBound).setZero(count: range.count)
    }
  }

  private var hasTaskRows: Bool { entries.contains { $0.taskRows != nil } }

  /// Shared rows and the rows of `tasks`, trained or not.
  private func rows(touchedBy tasks: some Collection<Int>) -> [Range<Int>] {
    let tasks = Set(tasks).sorted()
    var rows: [Range<Int>] = []
    for entry in entries {
      rows.appendMerging(entry.sharedRange)
      for task in tasks { entry.rows(ofTask: task).map { rows.appendMerging($0) } }
    }
    return rows
  }
}

extension TrainableParameters.Entry {
  /// How many tasks have rows here; 0 if all rows are shared.
  public var taskCount: Int {
    guard let taskRows, taskRows.perTask > 0 else { return 0 }
    return (shape[0] - taskRows.first) / taskRows.perTask
  }

  /// The numbers of the rows that all tasks share.
  public var sharedRange: Range<Int> {
    taskRows.map { range.lowerBound..<range.lowerBound + $0.first * rowLength } ?? range
  }

  /// The numbers of one task's own rows; nil if all rows are shared.
  public func rows(ofTask task: Int) -> Range<Int>? {
    guard let taskRows else { return nil }
    let first = taskRows.first + task * taskRows.perTask
    precondition(
      task >= 0 && first + taskRows.perTask <= shape[0],
      "task \(task) of \(name), which has rows of \(taskCount) tasks")
    let start = range.lowerBound + first * rowLength
    return start..<start + taskRows.perTask * rowLength
  }

  private var rowLength: Int { range.count / max(shape.first ?? 1, 1) }
}

extension [Range<Int>] {
  /// Adds a range that starts where the last one does or behind, as part of the last one if they meet.
  mutating func appendMerging(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    if let last, last.upperBound >= range.lowerBound {
      self[count - 1] = last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
    } else {
      append(range)
    }
  }

  /// The ranges in ascending order, merged where they meet.
  public var merged: [Range<Int>] {
    sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { $0.appendMerging($1) }
  }

  /// What lies in both of two ascending lists.
  public func intersection(_ other: [Range<Int>]) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var (own, its) = (startIndex, other.startIndex)
    while own < endIndex, its < other.endIndex {
      result.appendMerging(self[own].clamped(to: other[its]))
      if self[own].upperBound < other[its].upperBound { own += 1 } else { its += 1 }
    }
    return result
  }
}
