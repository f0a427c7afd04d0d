import ArgumentParser
import MessagePassing
import Tensors
import Training

/// `polyad bench matmul`.
struct BenchMatmul: RankedCommand {
  static let configuration = CommandConfiguration(
    commandName: "matmul", abstract: "Measures fp32 matrix products, all ranks at once, a core each.")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run(on ranks: Ranks) throws -> Bool {
    let rates = try MatrixBenchmark.shapes.map { shape in
      try ranks.world.barrier()
      return (shape, try ranks.world.allReduce(MatrixBenchmark.rate(shape), .min))
    }
    guard ranks.isMain else { return false }
    if json {
      try CommandOutput.result([
        "ranks": .int(ranks.count), "threads": .int(Threads.count), "precision": "fp32",
        "kernels": .string(MatrixLibrary.coreName),
        "products": .array(
          rates.map { shape, rate in
            [
              "rows": .int(shape.rows), "columns": .int(shape.columns), "inner": .int(shape.inner),
              "gflops": .double(rate),
            ]
          }),
      ])
    } else {
      var table = Table(columns: [.init("rows × columns × inner"), .init("GFLOP/s a rank", .right)])
      for (shape, rate) in rates {
        table.append(["\(shape.rows) × \(shape.columns) × \(shape.inner)", Formatting.number(rate)])
      }
      try CommandOutput.result("\(ranks.count) rank(s), OpenBLAS kernels: \(MatrixLibrary.coreName)")
      try CommandOutput.result(table)
    }
    return false
  }
}
