import ArgumentParser
import JSON
import MessagePassing
import Training

/// `polyad bench reduction`.
struct BenchReduction: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "reduction",
    abstract: "Measures the sum of gradients over ranks by size: ordered and MPI's own, within and between nodes.",
    discussion: """
      Under mpirun, on the ranks and hosts that are to be measured. Where nodes have several ranks, these are measured \
      by themselves (all nodes at once), then the first rank of each node, then all.
      """)

  @Option(help: "Bytes of the gradients to sum up, with commas; 4 a number. Default: 4096 to 16777216.")
  var bytes: NumberList?
  @Option(help: "Seconds that a measurement may take, about.")
  var seconds = 0.3
  @Flag(help: "Print one JSON object.")
  var json = false

  /// The largest gradient: 4 GiB.
  private static let byteLimit = 4.0 * Double(1 << 30)

  func validate() throws {
    for value in bytes?.values ?? [] where !(4...Self.byteLimit).contains(value) || value != value.rounded() {
      throw ValidationError("--bytes has \(Formatting.shortest(value)), but must be whole numbers from 4 to 4294967296")
    }
    guard seconds > 0, seconds <= 60 else {
      throw ValidationError("--seconds is \(Formatting.shortest(seconds)), but must be above 0 and at most 60")
    }
  }

  func run(on ranks: Ranks) throws -> Bool {
    guard ranks.count > 1 else {
      throw UsageError(
        "bench reduction has one rank, which has nobody to sum up with: start several, as with "
          + "mpirun -n 2 polyad bench reduction")
    }
    let byteCounts = bytes.map { $0.values.map { Int($0) } } ?? ReductionBenchmark.usualByteCounts
    let measurements = try ReductionBenchmark(ranks, byteCounts: byteCounts, seconds: seconds).run()
    guard ranks.isMain else { return false }
    ProfileNotes.record(reductions: measurements.map(ProfileNotes.reduction))
    if json {
      try CommandOutput.result([
        "ranks": .int(ranks.count), "hosts": .int(measurements.map(\.hosts).max() ?? 1),
        "measurements": .array(measurements.map(object)),
      ])
    } else {
      try report(measurements)
    }
    return false
  }

  private func object(_ measurement: ReductionBenchmark.Measurement) -> JSONValue {
    [
      "scope": .string(measurement.scope.rawValue), "kind": .string(measurement.kind.rawValue),
      "ranks": .int(measurement.ranks), "hosts": .int(measurement.hosts), "bytes": .int(measurement.byteCount),
      "seconds": .double(measurement.seconds), "bytes_per_second": .double(measurement.bytesPerSecond),
    ]
  }

  /// A table a group of ranks: a size a row, a kind a pair of columns.
  private func report(_ measurements: [ReductionBenchmark.Measurement]) throws {
    var rest = measurements[...]
    while let first = rest.first {
      let group = rest.prefix { $0.scope == first.scope && $0.ranks == first.ranks }
      rest = rest.dropFirst(group.count)
      try CommandOutput.result("\(first.ranks) ranks on \(first.hosts) host(s)")
      let kinds = ReductionBenchmark.Kind.allCases
      var table = Table(
        columns: [.init("bytes", .right)]
          + kinds.flatMap { [.init("\($0.rawValue.replacing("_", with: " ")), ms", .right), .init("MB/s", .right)] })
      for row in group where row.kind == kinds[0] {
        let cells = kinds.flatMap { kind in
          group.filter { $0.kind == kind && $0.byteCount == row.byteCount }.prefix(1).flatMap {
            [Formatting.number(1e3 * $0.seconds), Formatting.number(1e-6 * $0.bytesPerSecond)]
          }
        }
        table.append([Formatting.count(row.byteCount)] + cells)
      }
      try CommandOutput.result(table)
    }
  }
}
