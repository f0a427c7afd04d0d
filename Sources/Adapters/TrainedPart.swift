import Tensors

/// What of a saved adapter further training changes. The rest keeps its bits.
public enum TrainedPart: String, Sendable, CaseIterable {
  /// Everything.
  case all
  /// The routers alone; with new tasks, of task routers only the new tasks' rows (MHR-z of Caccia et al. 2023).
  case router
  /// What belongs to the new tasks alone: their own experts, their rows of the routers.
  case task
}

extension AdapterModel {
  /// Leaves all but `part` as it is from now on. At most once, before an optimizer is made.
  ///
  /// - Parameters:
  ///   - newTasks: The numbers of the tasks that the adapter has just got.
  ///   - heads: Tasks whose own heads train in any case.
  /// - Throws: ``AdapterError`` when the adapter has no such part.
  public func restrictTraining(to part: TrainedPart, newTasks: Range<Int>, heads: [String] = []) throws {
    let type = configuration?.peftType.rawValue ?? ""
    guard part != .all else { return }
    guard part != .task || configuration?.routing == .task else { throw AdapterTaskError.noOwnParts(type: type) }
    guard part != .task || !newTasks.isEmpty else { throw AdapterTaskError.noNewTasks }
    let ranges = parameters.entries.compactMap { entry -> Range<Int>? in
      guard part == .task || entry.role == .router else { return nil }
      guard let rows = entry.taskRows, !newTasks.isEmpty else { return part == .router ? entry.range : nil }
      return entry.elements(ofTasks: newTasks, rows)
    }
    guard !ranges.isEmpty else { throw AdapterTaskError.noSuchPart(part.rawValue, type: type) }
    let headNames = headNames(of: heads)
    let headRanges = parameters.entries.filter { headNames.contains($0.name) }.map(\.range)
    parameters.restrictTraining(to: ranges + headRanges)
  }
}

extension TrainableParameters.Entry {
  /// Where the numbers of neighbouring tasks lie in the flat arrays.
  fileprivate func elements(ofTasks tasks: Range<Int>, _ rows: TrainableParameters.TaskRows) -> Range<Int> {
    let rowCount = range.count / max(shape[0], 1)
    let first = rows.first + tasks.lowerBound * rows.perTask, end = rows.first + tasks.upperBound * rows.perTask
    return range.lowerBound + first * rowCount..<range.lowerBound + end * rowCount
  }
}
