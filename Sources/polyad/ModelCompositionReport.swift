import Adapters
import Training

/// What `compose` says of models that were trained whole.
struct ModelCompositionReport {
  private let operation: ArithmeticOperator
  private let terms: [(name: String, weight: Double)]
  private let base: String?
  private let tensors: [(tensor: String, report: TaskVectorReport)]
  private let averaged: [String]
  private let output: String

  /// - Parameters:
  ///   - base: nil: the weights sum to 1, and the result itself is compared with the exact weighted sum.
  ///   - averaged: Heads without a task vector.
  init(
    _ operation: ArithmeticOperator, _ terms: [(name: String, weight: Double)], base: String?,
    _ tensors: [(tensor: String, report: TaskVectorReport)], averaged: [String], output: String
  ) {
    (self.operation, self.terms, self.base) = (operation, terms, base)
    (self.tensors, self.averaged, self.output) = (tensors, averaged, output)
  }

  // MARK: Text

  var lines: [String] {
    let heads = averaged.isEmpty ? [] : ["averaged with the same weights: \(averaged.joined(separator: ", "))"]
    let sum = CompositionReport.sum(operation, terms) + (base.map { ", from \($0)" } ?? "")
    return [sum] + table.lines + heads + [summary, "wrote \(output)"]
  }

  /// A row for tensors whose names differ in numbers alone.
  private var table: Table {
    var patterns: [String] = [], groups: [String: [TaskVectorReport]] = [:]
    for (tensor, report) in tensors {
      let pattern = TensorGroup.pattern(tensor)
      if groups[pattern] == nil { patterns.append(pattern) }
      groups[pattern, default: []].append(report)
    }
    let rows = patterns.map { pattern in
      let reports = groups[pattern] ?? [], errors = reports.map(\.relativeError)
      return [
        pattern, "\(reports.count)", Self.whole(reports)?.relativeNorm.map(Formatting.number) ?? "",
        Formatting.number(errors.max() ?? 0), Formatting.number(Self.mean(errors)),
      ]
    }
    let columns: [Table.Column] = [
      .init("tensors"), .init("count", .right), .init("norm / exact", .right), .init("largest error", .right),
      .init("mean error", .right),
    ]
    return Table(columns: columns, rows: rows)
  }

  private var summary: String {
    let what = base == nil ? "model" : "task vector"
    let norm = Self.whole(tensors.map(\.report))?.relativeNorm.map { "norm \(Formatting.number($0)) of its, " } ?? ""
    let text = "The \(what) against the exact weighted sum: \(norm)largest error "
      + "\(Formatting.number(errors.max() ?? 0)), mean \(Formatting.number(Self.mean(errors)))"
    return operation.prunes ? text + ": operator \(operation.rawValue) drops entries. add is exact." : text + "."
  }

  private var errors: [Double] { tensors.map(\.report.relativeError) }

  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
  }

  /// Several tensors as one.
  private static func whole(_ reports: [TaskVectorReport]) -> TaskVectorReport? {
    reports.dropFirst().reduce(into: reports.first) { $0?.add($1) }
  }

  // MARK: JSON

  var json: JSONValue {
    [
      "operator": .string(operation.rawValue), "peft_type": .string(PEFTType.full.rawValue),
      "terms": .array(terms.map { ["adapter": .string($0.name), "weight": .double($0.weight)] }),
      "model": base.map { .string($0) } ?? .null,
      "tensors": .array(
        tensors.map { tensor, report in
          [
            "name": .string(tensor), "relative_norm": report.relativeNorm.map { .double($0) } ?? .null,
            "relative_error": .double(report.relativeError),
          ]
        }),
      "max_relative_error": .double(errors.max() ?? 0), "mean_relative_error": .double(Self.mean(errors)),
      "averaged": .array(averaged.map { .string($0) }), "output": .string(output),
    ]
  }
}
