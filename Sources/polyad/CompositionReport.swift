import Adapters
import Training

/// What `compose` says it did.
struct CompositionReport {
  private let operation: ArithmeticOperator
  private let terms: [WeightedAdapter]
  private let composition: Composition
  private let output: String

  init(
    _ operation: ArithmeticOperator, _ terms: [WeightedAdapter], _ composition: Composition, output: String
  ) {
    (self.operation, self.terms, self.composition, self.output) = (operation, terms, composition, output)
  }

  // MARK: Text

  /// An error that matters: above that of rounding by far.
  private static let smallError = 1e-3

  var lines: [String] { [Self.sum(operation, terms.map { ($0.name, $0.weight) })] + table.lines + [summary, "wrote \(output)"] }

  /// Such as `add: 0.6 mnli + 0.4 rte`.
  static func sum(_ operation: ArithmeticOperator, _ terms: [(name: String, weight: Double)]) -> String {
    let parts = terms.enumerated().map { place, term in
      let sign = place == 0 ? (term.weight < 0 ? "-" : "") : term.weight < 0 ? " - " : " + "
      return "\(sign)\(Formatting.number(abs(term.weight))) \(term.name)"
    }
    return "\(operation.rawValue): " + parts.joined()
  }

  /// A row for maps of one kind: as many ranks and errors as there are maps would hide what matters.
  private struct MapGroup {
    let pattern: String
    var maps: [MapReport] = []

    var cells: [String] {
      let errors = maps.compactMap(\.relativeError), energies = maps.compactMap(\.keptEnergy)
      return [
        pattern, "\(maps.count)", Self.unique(maps.map { $0.ranks.map(String.init).joined(separator: ", ") }),
        Self.unique(maps.map { $0.resultRank.map(String.init) ?? "" }), errors.max().map(Formatting.number) ?? "",
        errors.isEmpty ? "" : Formatting.number(errors.reduce(0, +) / Double(errors.count)),
        energies.min().map(Formatting.percent) ?? "",
      ]
    }

    private static func unique(_ texts: [String]) -> String {
      var seen: [String] = []
      for text in texts where !seen.contains(text) { seen.append(text) }
      return seen.joined(separator: "; ")
    }
  }

  /// Without the columns that this kind of sum leaves empty.
  private var table: Table {
    var groups: [MapGroup] = []
    for map in composition.maps {
      let pattern = TensorGroup.pattern(map.path), place = groups.firstIndex { $0.pattern == pattern }
      if place == nil { groups.append(MapGroup(pattern: pattern)) }
      groups[place ?? groups.count - 1].maps.append(map)
    }
    let columns: [Table.Column] = [
      .init("maps"), .init("count", .right), .init("ranks in"), .init("rank out", .right),
      .init("largest error", .right), .init("mean error", .right), .init("least energy kept", .right),
    ]
    let rows = groups.map(\.cells), used = columns.indices.filter { column in rows.contains { $0[column] != "" } }
    return Table(columns: used.map { columns[$0] }, rows: rows.map { row in used.map { row[$0] } })
  }

  private var summary: String {
    guard let error = composition.relativeError else {
      return "No single matrix stands for a token-routed adapter: the error against the exact sum is not known."
    }
    let text = "Error of the update against the exact weighted sum: largest \(Formatting.number(error.largest)), mean "
      + "\(Formatting.number(error.mean))"
    let isLowRank = composition.result.configuration.peftType == .lora
    if isLowRank, operation.needsEqualRanks, error.largest > Self.smallError {
      return text + ": A and B were combined apart, which leaves cross terms. --operator cat is exact, svd nearest."
    }
    guard let energy = composition.keptEnergy else { return text + "." }
    return text + "; energy kept: least \(Formatting.percent(energy.least)), mean \(Formatting.percent(energy.mean))."
  }

  // MARK: JSON

  var json: JSONValue {
    let configuration = composition.result.configuration
    var members: [JSONValue.Member] = [
      .init("operator", .string(operation.rawValue)), .init("peft_type", .string(configuration.peftType.rawValue)),
      .init(
        "terms", .array(terms.map { ["adapter": .string($0.name), "weight": .double($0.weight)] })),
      .init("maps", .array(composition.maps.map(Self.json))),
    ]
    if let error = composition.relativeError {
      members += [
        .init("max_relative_error", .double(error.largest)), .init("mean_relative_error", .double(error.mean)),
      ]
    }
    if let energy = composition.keptEnergy {
      members += [.init("min_energy_kept", .double(energy.least)), .init("mean_energy_kept", .double(energy.mean))]
    }
    members.append(.init("modules_to_save", .array(configuration.modulesToSave.map { .string($0) })))
    return .object(members + [.init("output", .string(output))])
  }

  private static func json(_ map: MapReport) -> JSONValue {
    [
      "path": .string(map.path), "ranks": .array(map.ranks.map { .int($0) }),
      "rank": map.resultRank.map { .int($0) } ?? .null,
      "relative_error": map.relativeError.map { .double($0) } ?? .null,
      "energy_kept": map.keptEnergy.map { .double($0) } ?? .null,
    ]
  }
}
