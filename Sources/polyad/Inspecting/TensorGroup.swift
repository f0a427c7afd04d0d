import Checkpoints
import JSON
import Training

/// Tensors that play the same part in every layer: their names differ in numbers alone.
struct TensorGroup: Equatable {
  /// The name with `*` for numbers that stand between dots.
  let pattern: String
  let shapes: [[Int]]
  let dataTypes: [String]
  let tensorCount: Int
  let parameterCount: Int

  /// The groups of a file, in the order of their first tensors.
  static func groups(of source: any TensorSource) -> [TensorGroup] {
    let tensors = source.names.compactMap { name in (try? source.info(name)).map { (name: name, info: $0) } }
    return grouped(tensors, by: \.name).map { pattern, tensors in
      let infos = tensors.map(\.info)
      return TensorGroup(
        pattern: pattern, shapes: unique(infos.map(\.shape)), dataTypes: unique(infos.map(\.dataType.rawValue)),
        tensorCount: infos.count, parameterCount: infos.reduce(0) { $0 + $1.elementCount })
    }
  }

  /// What belongs to tensors, by the patterns of their names, in the order of each group's first.
  static func grouped<Value>(
    _ values: [Value], by name: (Value) -> String
  ) -> [(pattern: String, values: [Value])] {
    let patterns = values.map { pattern(name($0)) }
    let groups = Dictionary(grouping: zip(patterns, values), by: \.0)
    return unique(patterns).map { pattern in (pattern, (groups[pattern] ?? []).map(\.1)) }
  }

  /// A name with `*` for its numbers.
  static func pattern(_ name: String) -> String {
    name.split(separator: ".", omittingEmptySubsequences: false)
      .map { Int($0) == nil ? String($0) : "*" }.joined(separator: ".")
  }

  /// The values without repetitions, in the order in which they come.
  static func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
    var seen: Set<Value> = []
    return values.filter { seen.insert($0).inserted }
  }

  var json: JSONValue {
    [
      "name": .string(pattern), "count": .int(tensorCount), "parameters": .int(parameterCount),
      "shapes": .array(shapes.map { .array($0.map { .int($0) }) }),
      "dtypes": .array(dataTypes.map { .string($0) }),
    ]
  }

  static func table(_ groups: [TensorGroup]) -> Table {
    var table = Table(columns: [
      .init("tensors"), .init("count", .right), .init("shape"), .init("type"), .init("parameters", .right),
    ])
    for group in groups {
      table.append([
        group.pattern, Formatting.count(group.tensorCount), group.shapes.map { "\($0)" }.joined(separator: " "),
        group.dataTypes.joined(separator: " "), Formatting.count(group.parameterCount),
      ])
    }
    return table
  }
}
