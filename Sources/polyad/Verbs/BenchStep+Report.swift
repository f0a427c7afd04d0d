import Adapters
import JSON
import Tensors
import Training

extension BenchStep {
  /// What was measured of a model.
  struct Report {
    let result: StepBenchmark.Result
    let measured: Measured
    let rankCount: Int
    /// The best rate of a product in this precision, GFLOP/s a rank; nil: it was not measured.
    let peak: Double?
    /// The largest rank's memory: all that it sees, and what is its own.
    let residentMiB, privateMiB: Int
    /// The weights that a node's ranks share.
    let sharedMiB: Int
    let loadSeconds: Double

    /// Which batches were measured.
    var batches: String { measured.benchmark.isOfMixture ? "mixture" : "like_length" }
    var utilization: Double? { peak.map { result.flopsPerSecondPerRank * 1e-9 / $0 } }
  }

  func json(_ report: Report) -> JSONValue {
    let result = report.result, measured = report.measured
    return [
      "preset": .string(options.name), "method": .string(measured.method),
      "active_rank": measured.model.configuration?.activeRank.map(JSONValue.int) ?? .null,
      "trainable_parameters": .int(measured.model.parameters.count), "reduced_bytes": .int(result.reducedBytes),
      "ranks": .int(report.rankCount), "threads": .int(Threads.count),
      "precision": .string(measured.precision.rawValue),
      "activation_checkpointing": .bool(measured.isCheckpointed), "positive_examples": .int(measured.positiveExamples),
      "share_prefixes": .bool(measured.benchmark.sharingObstacle == nil), "batches": .string(report.batches),
      "group": .int(measured.group),
      "tokens_per_second": .double(result.tokensPerSecond),
      "tokens_computed_per_second": .double(result.tokensComputedPerSecond),
      "examples_per_second": .double(result.examplesPerSecond), "seconds_per_step": .double(result.secondsPerStep),
      "communication_share": .double(result.shares.communication), "imbalance": .double(result.shares.imbalance),
      "phase_seconds": .object(result.phases), "matmul_gflops": report.peak.map(JSONValue.double) ?? .null,
      "model_flops_utilization": report.utilization.map(JSONValue.double) ?? .null,
      "peak_rss_mib": .int(report.residentMiB),
      "peak_private_mib": .int(report.privateMiB), "shared_mib": .int(report.sharedMiB),
      "load_seconds": .double(report.loadSeconds), "first_step_seconds": .double(result.firstStepSeconds),
      "loss": .double(result.lastLoss), "kernels": .string(MatrixLibrary.description(measured.precision)),
    ]
  }

  func table(_ report: Report) -> Table {
    let result = report.result, measured = report.measured
    var table = Table(columns: [.init(options.name), .init("", .right)])
    table.append([
      "method, trainable parameters", "\(measured.method), \(Formatting.count(measured.model.parameters.count))",
    ])
    table.append(["bytes a rank gives to the reduction, a step", Formatting.count(result.reducedBytes)])
    table.append([
      "ranks × threads, precision", "\(report.rankCount) × \(Threads.count), \(measured.precision.rawValue)",
    ])
    let mixture = "the trainer's, of the mixture" + (measured.group > 1 ? " in groups of \(measured.group)" : "")
    let obstacle = measured.benchmark.sharingObstacle
    let lengths = obstacle.map { "of like length: \($0.description)" } ?? mixture
    table.append(["batches", measured.benchmark.isOfMixture ? mixture : lengths])
    table.append(["products", MatrixLibrary.description(measured.precision)])
    table.append(["tokens/s, all ranks", Formatting.number(result.tokensPerSecond)])
    table.append(["of them computed/s", Formatting.number(result.tokensComputedPerSecond)])
    table.append(["examples/s", Formatting.number(result.examplesPerSecond)])
    table.append(["seconds a step", Formatting.number(result.secondsPerStep)])
    for phase in result.phases where phase.value > 0 {
      let share = Formatting.percent(phase.value / result.secondsPerStep)
      table.append(["  " + phase.name.replacing("_", with: " "), "\(Formatting.number(phase.value))  \(share)"])
    }
    table.append(["all ranks: sums that nothing goes on beside", Formatting.percent(result.shares.communication)])
    table.append(["all ranks: waiting for slower ones", Formatting.percent(result.shares.imbalance)])
    if let peak = report.peak, let utilization = report.utilization {
      table.append(["measured matmul peak, GFLOP/s a rank", Formatting.number(peak)])
      table.append(["share of that peak", Formatting.percent(utilization)])
    }
    table.append(["peak resident MiB a rank, shared weights included", Formatting.count(report.residentMiB)])
    table.append(["of them its own", Formatting.count(report.privateMiB)])
    table.append(["shared weights, MiB a node", Formatting.count(report.sharedMiB)])
    let starts = [report.loadSeconds, result.firstStepSeconds].map(Formatting.number).joined(separator: ", ")
    table.append(["load, first step (seconds)", starts])
    return table
  }
}
