import Foundation
import JSON
import Training

/// What was measured at one number of ranks and threads, a round at a time.
struct ScalingPoint {
  /// One job's measurement.
  struct Sample: Equatable {
    let tokensPerSecond, examplesPerSecond, secondsPerStep: Double
    let shares: StepShares
  }

  let ranks, threads, hosts: Int
  /// What makes it slower than it could be; nil: nothing.
  var note: String?
  var samples: [Sample] = []

  /// The cores that compute.
  var cores: Int { ranks * threads }

  /// The middle of the rounds.
  func median(_ value: (Sample) -> Double) -> Double { samples.map(value).median }
}

extension ScalingPoint.Sample {
  /// What `bench step --json` prints.
  init?(_ report: JSONValue) {
    guard let tokens = report["tokens_per_second"].number, let examples = report["examples_per_second"].number,
      let seconds = report["seconds_per_step"].number, let communication = report["communication_share"].number,
      let imbalance = report["imbalance"].number
    else { return nil }
    (tokensPerSecond, examplesPerSecond, secondsPerStep) = (tokens, examples, seconds)
    shares = StepShares(communication: communication, imbalance: imbalance)
  }
}

extension [Double] {
  /// The middle value, or the mean of the two in the middle.
  var median: Double {
    let sorted = sorted()
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
  }
}
