import Adapters
import JSON
import Tensors
import Training

extension BenchStep {
  /// What was measured of a model.
  struct Report {
    let result: StepBenchmark.Result
    let sharingObstacle: SharingObstacle?
    let configuration: AdapterConfiguration?
    let parameterCount: Int
    let rankCount: Int
    /// The best rate of a product in this precision, GFLOP/s a rank.
    let peak: Double
    /// The largest rank's memory: all that it sees, and what is its own.
    let residentMiB, privateMiB: Int
    /// The weights that a node's ranks share.
    let sharedMiB: Int
    let loadSeconds: Double

    /// Which batches were measured.
    var batches: String { sharingObstacle == nil ? "mixture" : "like_length" }
    var utilization: Double { result.flopsPerSecondPerRank * 1e-9 / peak }
  }

  func json(_ report: Report) -> JSONValue {
    let result = report.result
    return [
      "preset": .string(subject.name), "method": .string(method),
      "active_rank": report.configuration?.activeRank.map(JSONValue.int) ?? .null,
      "trainable_parameters": .int(report.parameterCount), "reduced_bytes": .int(result.reducedBytes),
      "ranks": .int(report.rankCount), "threads": .int(Threads.count), "precision": .string(subject.precision.rawValue),
      "activation_checkpointing": .bool(activationCheckpointing), "positive_examples": .int(subject.positiveExamples),
      "share_prefixes": .bool(report.sharingObstacle == nil), "batches": .string(report.batches), "group": .int(group),
      "tokens_per_second": .double(result.tokensPerSecond),
      "tokens_computed_per_second": .double(result.tokensComputedPerSecond),
      "examples_per_second": .double(result.examplesPerSecond), "seconds_per_step": .double(result.secondsPerStep),
      "phase_seconds": .object(result.phases), "matmul_gflops": .double(report.peak),
      "model_flops_utilization": .double(report.utilization), "peak_rss_mib": .int(report.residentMiB),
      "peak_private_mib": .int(report.privateMiB), "shared_mib": .int(report.sharedMiB),
      "load_seconds": .double(report.loadSeconds), "first_step_seconds": .double(result.firstStepSeconds),
      "loss": .double(result.lastLoss), "kernels": .string(MatrixLibrary.description(subject.precision)),
    ]
  }

  func table(_ report: Report) -> Table {
    let result = report.result
    var table = Table(columns: [.init(subject.name), .init("", .right)])
    table.append(["method, trainable parameters", "\(method), \(Formatting.count(report.parameterCount))"])
    table.append(["bytes a rank gives to the reduction, a step", Formatting.count(result.reducedBytes)])
    table.append([
      "ranks × threads, precision", "\(report.rankCount) × \(Threads.count), \(subject.precision.rawValue)",
    ])
    let mixture = "the trainer's, of the mixture" + (group > 1 ? " in groups of \(group)" : "")
    table.append(["batches", report.sharingObstacle.map { "of like length: \($0.description)" } ?? mixture])
    table.append(["products", MatrixLibrary.description(subject.precision)])
    table.append(["tokens/s, all ranks", Formatting.number(result.tokensPerSecond)])
    table.append(["of them computed/s", Formatting.number(result.tokensComputedPerSecond)])
    table.append(["examples/s", Formatting.number(result.examplesPerSecond)])
    table.append(["seconds a step", Formatting.number(result.secondsPerStep)])
    for phase in result.phases where phase.value > 0 {
      let share = Formatting.percent(phase.value / result.secondsPerStep)
      table.append(["  " + phase.name.replacing("_", with: " "), "\(Formatting.number(phase.value))  \(share)"])
    }
    table.append(["measured matmul peak, GFLOP/s a rank", Formatting.number(report.peak)])
    table.append(["share of that peak", Formatting.percent(report.utilization)])
    table.append(["peak resident MiB a rank, shared weights included", Formatting.count(report.residentMiB)])
    table.append(["of them its own", Formatting.count(report.privateMiB)])
    table.append(["shared weights, MiB a node", Formatting.count(report.sharedMiB)])
    let starts = [report.loadSeconds, result.firstStepSeconds].map(Formatting.number).joined(separator: ", ")
    table.append(["load, first step (seconds)", starts])
    return table
  }
}
