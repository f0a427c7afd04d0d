import Adapters
import JSON
import Training

/// What `compose` says of models that were trained whole.
struct ModelCompositionReport {
  private let sum: WeightedSum
  private let base: String?
  private let tensors: [(tensor: String, report: TaskVectorReport)]
  private let averaged: [String]
  private let output: String

  /// - Parameters:
  ///   - base: nil: the weights sum to 1, and the result itself is compared with the exact weighted sum.
  ///   - averaged: Heads without a task vector.
  init(
    _ sum: WeightedSum, base: String?, _ tensors: [(tensor: String, report: TaskVectorReport)], averaged: [String],
    output: String
  ) {
    (self.sum, self.base) = (sum, base)
    (self.tensors, self.averaged, self.output) = (tensors, averaged, output)
  }

  // MARK: Text

  var lines: [String] {
    let heads = averaged.isEmpty ? [] : ["averaged with the same weights: \(averaged.joined(separator: ", "))"]
    return [sum.text + (base.map { ", from \($0)" } ?? "")] + table.lines + heads + summary + ["wrote \(output)"]
  }

  /// A row for tensors whose names differ in numbers alone.
  private var table: Table {
    let rows = TensorGroup.grouped(tensors, by: \.tensor).map { pattern, tensors in
      let reports = tensors.map(\.report)
      return [pattern, "\(reports.count)", Self.whole(reports)?.relativeNorm.map(Formatting.number) ?? ""]
        + (RelativeErrors(reports.map(\.relativeError))?.cells ?? ["", ""])
    }
    let columns: [Table.Column] = [
      .init("tensors"), .init("count", .right), .init("norm / exact", .right), .init("largest error", .right),
      .init("mean error", .right),
    ]
    return Table(columns: columns, rows: rows)
  }

  private var summary: [String] {
    guard let errors else { return [] }
    let what = base == nil ? "model" : "task vector"
    let norm = Self.whole(tensors.map(\.report))?.relativeNorm.map { "norm \(Formatting.number($0)) of its, " } ?? ""
    let text = "The \(what) against the exact weighted sum: \(norm)\(errors.text)"
    return [text + (sum.operation.prunes ? ": operator \(sum.operation.rawValue) drops entries. add is exact." : ".")]
  }

  private var errors: RelativeErrors? { RelativeErrors(tensors.map(\.report.relativeError)) }

  /// Several tensors as one.
  private static func whole(_ reports: [TaskVectorReport]) -> TaskVectorReport? {
    reports.dropFirst().reduce(into: reports.first) { $0?.add($1) }
  }

  // MARK: JSON

  var json: JSONValue { .object(members + [.init("output", .string(output))]) }

  /// What composition.json keeps.
  var record: JSONValue { .object(members) }

  private var members: [JSONValue.Member] {
    let tensors = tensors.map { tensor, report -> JSONValue in
      [
        "name": .string(tensor), "relative_norm": report.relativeNorm.map { .double($0) } ?? .null,
        "relative_error": .double(report.relativeError),
      ]
    }
    let members: [JSONValue.Member] = [
      .init("model", base.map { .string($0) } ?? .null), .init("tensors", .array(tensors)),
    ]
    return sum.json(.full) + members + (errors?.json ?? [])
      + [.init("averaged", .array(averaged.map { .string($0) }))]
  }
}
