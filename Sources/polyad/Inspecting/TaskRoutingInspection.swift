import Adapters
import Foundation
import JSON
import Training

/// The weights of tasks on skills, without noise, as `inspect` shows them.
struct TaskRoutingInspection {
  /// Rows of text above which the maps' mean stands for all maps.
  private static let rowLimit = 120
  /// Tasks a table shows at most.
  private static let taskLimit = 60
  /// Skills above which a task's largest weights stand for all.
  private static let skillLimit = 12

  private let tasks: [String]
  private let isNamed: Bool
  private let skills: [String]
  /// [map][task][skill].
  private let maps: [(path: String, weights: [[Double]])]

  init(_ adapter: SavedAdapter, _ method: any TaskRoutedMethod) throws {
    tasks = adapter.configuration.knownTasks
    isNamed = !adapter.configuration.taskNames.isEmpty
    skills = method.skillNames
    let numbers = tasks.indices
    maps = try adapter.sites.map { site in (site.path, try numbers.map { try method.weights(of: $0, at: site) }) }
  }

  private var showsMean: Bool { maps.count * tasks.count > Self.rowLimit }

  var tables: [Table] {
    guard !skills.isEmpty else { return [] }
    return showsMean
      ? [table("mean of \(maps.count) maps", mean)] : maps.map { table($0.path, $0.weights) }
  }

  var notes: [String] {
    guard !skills.isEmpty else { return ["Routed by task: each of the \(tasks.count) tasks uses its own LoRA alone."] }
    let isShort = showsMean || tasks.count > Self.taskLimit || skills.count > Self.skillLimit
    return ["Routing weights are those of evaluation, without noise." + (isShort ? " --json has all of them." : "")]
  }

  var json: JSONValue {
    [
      "kind": "task", "tasks": .array(tasks.map { .string($0) }), "skills": .array(skills.map { .string($0) }),
      "maps": .array(
        skills.isEmpty
          ? []
          : maps.map { map in
            [
              "map": .string(map.path),
              "weights": .array(map.weights.map { .array($0.map { .double($0) }) }),
            ]
          }),
    ]
  }

  /// [task][skill], over all maps.
  private var mean: [[Double]] {
    tasks.indices.map { task in
      skills.indices.map { skill in maps.reduce(0) { $0 + $1.weights[task][skill] } / Double(maps.count) }
    }
  }

  private func table(_ title: String, _ weights: [[Double]]) -> Table {
    let isWide = skills.count > Self.skillLimit
    var table = Table(
      columns: [.init(title)] + (isWide ? [.init("largest weights")] : skills.map { .init($0, .right) }))
    for (task, row) in zip(tasks, weights).prefix(Self.taskLimit) {
      table.append([isNamed ? task : "task \(task)"] + (isWide ? [largest(row)] : row.map(Self.text)))
    }
    if tasks.count > Self.taskLimit {
      let rest = "… \(tasks.count - Self.taskLimit) more tasks"
      table.append([rest] + Array(repeating: "", count: table.columns.count - 1))
    }
    return table
  }

  private func largest(_ row: [Double]) -> String {
    row.indices.sorted { row[$0] > row[$1] }.prefix(4)
      .map { "\(skills[$0]): \(Self.text(row[$0]))" }.joined(separator: ", ")
  }

  private static func text(_ weight: Double) -> String { String(format: "%.4f", weight) }
}
