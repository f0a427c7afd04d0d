import ArgumentParser
import MessagePassing
import Tensors
import Training

/// `polyad bench matmul`.
struct BenchMatmul: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "matmul",
    abstract: "Measures the matrix products of a GPT-2 step by each library at hand, all ranks at once.")

  @Option(help: "How frozen matrices are held: fp32 or bf16.")
  var precision = Precision.fp32
  @Flag(help: "Print one JSON object.")
  var json = false

  /// A product's rates, in the order of the ways to compute it.
  private typealias Row = (product: MatrixBenchmark.Product, rates: [Double])

  func run(on ranks: Ranks) throws -> Bool {
    let ways = MatrixBenchmark.ways(precision)
    let rows: [Row] = try MatrixBenchmark.products(precision).map { product in
      let rates = try ways.map { way in
        try ranks.world.barrier()
        return try ranks.world.allReduce(MatrixBenchmark.rate(product, way), .min)
      }
      return (product, rates)
    }
    guard ranks.isMain else { return false }
    let large = rows.filter { $0.product.factor != .trained && $0.product.rows >= 512 }.flatMap(\.rates).max()
    ProfileNotes.record(products: large.map { [ProfileNotes.product($0, precision, ranks)] } ?? [])
    if json { try reportJSON(rows, ways, ranks) } else { try reportTable(rows, ways, ranks) }
    return false
  }

  private func reportJSON(_ rows: [Row], _ ways: [MatrixBenchmark.Way], _ ranks: Ranks) throws {
    try CommandOutput.result([
      "ranks": .int(ranks.count), "threads": .int(Threads.count), "precision": .string(precision.rawValue),
      "kernels": .string(MatrixLibrary.description(precision)),
      "products": .array(
        rows.flatMap { product, rates in
          zip(ways, rates).map { way, rate in
            [
              "rows": .int(product.rows), "columns": .int(product.columns), "inner": .int(product.inner),
              "factor": .string(product.factor.rawValue), "library": .string(way.library), "gflops": .double(rate),
            ]
          }
        }),
    ])
  }

  private func reportTable(_ rows: [Row], _ ways: [MatrixBenchmark.Way], _ ranks: Ranks) throws {
    var table = Table(
      columns: [.init("rows × columns × inner"), .init("second factor")] + ways.map { .init($0.library, .right) })
    for (product, rates) in rows {
      let shape = "\(product.rows) × \(product.columns) × \(product.inner)"
      let factor = product.factor.rawValue.replacing("_", with: ", ")
      table.append([shape, factor] + rates.map(Formatting.number))
    }
    try CommandOutput.result(
      "GFLOP/s a rank, \(precision.rawValue), \(ranks.count) rank(s) × \(Threads.count) thread(s); training uses "
        + MatrixLibrary.description(precision))
    try CommandOutput.result(table)
  }
}
