import Adapters
import Foundation
import JSON
import Training

/// What an adapter is beside its tensors: its parameters by formula, and how it routes.
struct AdapterInspection {
  /// Maps of one formula with the same values.
  struct MapGroup {
    /// The maps' path with `*` for numbers.
    let pattern: String
    let formula: ParameterFormula
    private(set) var count = 0
    /// Numbers in the file at all of them.
    private(set) var parameterCount = 0

    fileprivate mutating func add(_ site: SavedSite) {
      count += 1
      parameterCount += site.parameterCount
    }
  }

  let adapter: SavedAdapter
  private(set) var groups: [MapGroup] = []
  let taskRouting: TaskRoutingInspection?
  /// What was measured on examples.
  var tokenRouting: TokenRoutingInspection?

  /// - Throws: `AdapterError`, `SavedAdapterError`, or an error of a file.
  init(_ folder: URL) throws {
    let adapter = try SavedAdapter(folder), method = try adapter.method()
    self.adapter = adapter
    taskRouting = try (method as? any TaskRoutedMethod).map { try TaskRoutingInspection(adapter, $0) }
    guard let method else { return }
    for site in adapter.sites {
      let formula = try method.parameterFormula(at: site), pattern = TensorGroup.pattern(site.path)
      guard formula.value == site.parameterCount else {
        throw SavedAdapterError.countDiffers(
          path: site.path, formula: formula.text, expected: formula.value, found: site.parameterCount,
          file: adapter.file)
      }
      let place = groups.firstIndex { $0.pattern == pattern && $0.formula == formula }
      if place == nil { groups.append(MapGroup(pattern: pattern, formula: formula)) }
      groups[place ?? groups.count - 1].add(site)
    }
  }

  private var routing: Routing { adapter.configuration.routing }
  private var wholeCount: Int { adapter.wholeTensors.reduce(0) { $0 + $1.values.count } }

  /// Lines beside what the configuration says.
  var facts: [JSONValue.Member] {
    adapter.configuration.activeRank.map { [.init("active_rank", .int($0))] } ?? []
  }

  var tables: [Table] {
    [countTable] + (adapter.heads.isEmpty ? [] : [headTable]) + (taskRouting?.tables ?? [])
      + (tokenRouting.map { [$0.table] } ?? [])
  }

  /// What the text should say after its tables.
  var notes: [String] {
    if let taskRouting { return taskRouting.notes }
    guard routing == .token else { return [] }
    return [
      tokenRouting?.note
        ?? "Routed by token: --data F.jsonl (lines as for score) shows expert shares, entropies and dead experts."
    ]
  }

  var json: [JSONValue.Member] {
    var members = [
      JSONValue.Member("formula", .array(groups.map(\.json))), .init("whole_module_parameters", .int(wholeCount)),
    ]
    if !adapter.heads.isEmpty { members.append(.init("task_heads", .array(adapter.heads.map(Self.json)))) }
    if let routing = taskRouting?.json ?? tokenRouting?.json {
      members.append(.init("routing", routing))
    } else if routing == .token {
      members.append(.init("routing", ["kind": "token"]))
    }
    return members
  }

  private var countTable: Table {
    var table = Table(columns: [
      .init("adapted maps"), .init("count", .right), .init("parameters of each"), .init("with"), .init("each", .right),
      .init("in the file", .right),
    ])
    for group in groups {
      table.append([
        group.pattern, "\(group.count)", group.formula.text,
        group.formula.symbols.map { "\($0.name) = \($0.value)" }.joined(separator: ", "),
        Formatting.count(group.formula.value), Formatting.count(group.parameterCount),
      ])
    }
    if wholeCount > 0 { table.append(["(modules trained whole)", "", "", "", "", Formatting.count(wholeCount)]) }
    return table
  }

  private var headTable: Table {
    Table(
      columns: [
        .init("classification heads"), .init("outputs", .right), .init("labels"), .init("in the file", .right),
      ],
      rows: adapter.heads.map { saved in
        [
          saved.head.task, "\(saved.head.labelCount)", saved.head.labels.joined(separator: ", "),
          Formatting.count(saved.parameterCount),
        ]
      })
  }

  private static func json(_ saved: SavedHead) -> JSONValue {
    [
      "task": .string(saved.head.task), "num_labels": .int(saved.head.labelCount),
      "labels": .array(saved.head.labels.map { .string($0) }), "parameters": .int(saved.parameterCount),
    ]
  }
}

extension AdapterInspection.MapGroup {
  fileprivate var json: JSONValue {
    [
      "maps": .string(pattern), "count": .int(count), "formula": .string(formula.text),
      "symbols": .object(formula.symbols.map { .init($0.name, .int($0.value)) }),
      "parameters_each": .int(formula.value), "parameters": .int(parameterCount),
    ]
  }
}
