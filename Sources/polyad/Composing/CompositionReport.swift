import Adapters
import JSON
import Training

/// What `compose` says it did.
struct CompositionReport {
  private let request: ArithmeticRequest
  private let composition: Composition
  private let output: String

  init(_ request: ArithmeticRequest, _ composition: Composition, output: String) {
    (self.request, self.composition, self.output) = (request, composition, output)
  }

  private var operation: ArithmeticOperator { request.operation }
  private var sum: WeightedSum { .init(operation: operation, terms: request.terms.map { ($0.name, $0.weight) }) }

  // MARK: Text

  /// An error that matters: above that of rounding by far.
  private static let smallError = 1e-3

  var lines: [String] { [sum.text] + table.lines + wholeModules + [summary] + rankNote + ["wrote \(output)"] }

  /// A row for maps of one kind: as many ranks and errors as there are maps would hide what matters. Columns that this
  /// kind of sum leaves empty are left out.
  private var table: Table {
    let rows = TensorGroup.grouped(composition.maps, by: \.path).map { pattern, maps in
      [
        pattern, "\(maps.count)", Self.unique(maps.map { $0.ranks.map(String.init).joined(separator: ", ") }),
        Self.unique(maps.map { $0.resultRank.map(String.init) ?? "" }),
      ] + (RelativeErrors(maps.compactMap(\.relativeError))?.cells ?? ["", ""])
        + [maps.compactMap(\.keptEnergy).min().map(Formatting.percent) ?? ""]
    }
    let columns: [Table.Column] = [
      .init("maps"), .init("count", .right), .init("ranks in"), .init("rank out", .right),
      .init("largest error", .right), .init("mean error", .right), .init("least energy kept", .right),
    ]
    let used = columns.indices.filter { column in rows.contains { $0[column] != "" } }
    return Table(columns: used.map { columns[$0] }, rows: rows.map { row in used.map { row[$0] } })
  }

  private static func unique(_ texts: [String]) -> String { TensorGroup.unique(texts).joined(separator: "; ") }

  /// A line for each treatment of modules that were trained whole.
  private var wholeModules: [String] {
    let treatments: [(WholeModuleReport.Treatment, String)] = [
      (.averaged, "averaged"), (.takenOver, "taken over"), (.leftOut, "left out"),
    ]
    return treatments.compactMap { treatment, text in
      let modules = composition.wholeModules.filter { $0.treatment == treatment }.map { module in
        let adapters =
          treatment == .averaged
          ? WeightedSum.text(Array(zip(module.adapters, module.shares))) : module.adapters.joined(separator: ", ")
        let isNegated =
          treatment == .takenOver
          && request.terms.contains {
            $0.weight < 0 && module.adapters.contains($0.name)
          }
        return "\(module.module) (\(adapters)\(isNegated ? ", not negated: --without-heads leaves it out" : ""))"
      }
      return modules.isEmpty ? nil : "\(text): \(modules.joined(separator: ", "))"
    }
  }

  private var rankNote: [String] {
    guard let rank = request.options.rank, let largest = composition.maps.compactMap(\.resultRank).max(),
      largest < rank
    else { return [] }
    return ["--rank \(rank) is more than the sum has: the result's largest rank is \(largest)."]
  }

  private var summary: String {
    guard let error = composition.relativeError else {
      return "No single matrix stands for a token-routed adapter: the error against the exact sum is not known."
    }
    let text = "Relative error ‖ΔW - exact‖ / ‖exact‖ of the update against the exact weighted sum: " + error.text
    let isLowRank = composition.result.configuration.peftType == .lora
    if operation.prunes, error.largest > Self.smallError {
      return text + ": operator \(operation.rawValue) drops entries. --operator cat is exact."
    }
    if isLowRank, operation.needsEqualRanks, error.largest > Self.smallError {
      return text + ": A and B were combined apart, which leaves cross terms. --operator cat is exact, svd nearest."
    }
    guard let energy = composition.keptEnergy else { return text + "." }
    return text + "; energy kept: least \(Formatting.percent(energy.least)), mean \(Formatting.percent(energy.mean))."
  }

  // MARK: JSON

  var json: JSONValue { .object(members + [.init("output", .string(output))]) }

  /// What composition.json keeps: of what, and how, the adapter is made.
  var record: JSONValue {
    let options = request.options
    let chosen: [JSONValue.Member] = [
      .init("density", options.density.map { .double($0) } ?? .null),
      .init("majority", options.majority.map { .string($0.rawValue) } ?? .null),
      .init("rank", options.rank.map { .int($0) } ?? .null),
      .init("seed", options.seed.map { .int(Int(clamping: $0)) } ?? .null),
      .init("peft_compatible", .bool(options.isPEFTCompatible)),
    ]
    return .object(chosen + members)
  }

  private var members: [JSONValue.Member] {
    let configuration = composition.result.configuration
    var members = sum.json(configuration.peftType) + [.init("maps", .array(composition.maps.map(Self.json)))]
    members += composition.relativeError?.json ?? []
    if let energy = composition.keptEnergy {
      members += [.init("min_energy_kept", .double(energy.least)), .init("mean_energy_kept", .double(energy.mean))]
    }
    members += [
      .init("modules_to_save", .array(configuration.modulesToSave.map { .string($0) })),
      .init("whole_modules", .array(composition.wholeModules.map(Self.json))),
    ]
    return members
  }

  private static func json(_ module: WholeModuleReport) -> JSONValue {
    [
      "module": .string(module.module), "treatment": .string(module.treatment.rawValue),
      "adapters": .array(module.adapters.map { .string($0) }), "shares": .array(module.shares.map { .double($0) }),
    ]
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
