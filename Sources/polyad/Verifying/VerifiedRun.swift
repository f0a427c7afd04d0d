import Checkpoints
import Foundation
import JSON
import Training

/// One run of a verification, and what it left behind.
struct VerifiedRun: Equatable {
  /// Where it ran.
  struct Shape: Equatable, CustomStringConvertible {
    let ranks, threads, hosts: Int

    var description: String {
      "\(ranks) rank(s) of \(threads) thread(s)" + (hosts > 1 ? " on \(hosts) hosts" : "")
    }
  }

  /// What is compared.
  struct Bytes: Equatable {
    /// SHA-256 of the last checkpoint's weights and optimizer, by file.
    let digests: [String: String]
    /// As the log has them, by step.
    let losses: [Int: String]
    /// What computed its products, as its log says.
    let products: String

    /// The files whose bytes tell.
    var weights: String { digests.filter { $0.key != Self.optimizer }.map(\.value).sorted().joined() }
    var optimizer: String { digests[Self.optimizer] ?? "" }

    static let optimizer = "optimizer.safetensors"
  }

  enum Outcome: Equatable {
    case written(Bytes)
    /// The ranks ended with a fault of theirs.
    case failed(reason: String)
  }

  let shape: Shape
  /// The run whose checkpoint halfway it went on from; nil: it began at step 0.
  let resumed: Shape?
  let outcome: Outcome

  var bytes: Bytes? { if case .written(let bytes) = outcome { bytes } else { nil } }
}

extension VerifiedRun.Bytes {
  /// Reads a run folder.
  ///
  /// - Throws: An error of its checkpoint, or of its log.
  init(of folder: URL, steps: Int) throws {
    digests = try CheckpointFolder(in: folder, step: steps).digests().filter { $0.key.hasSuffix(".safetensors") }
    let metrics = try String(contentsOf: folder.appending(path: MetricsLog.fileName), encoding: .utf8)
    losses = metrics.split(separator: "\n").reduce(into: [:]) { losses, line in
      guard let record = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)),
        case .int(let step) = record["step"], record["loss"] != .null
      else { return }
      losses[step] = record["loss"].text
    }
    let log = try String(contentsOf: folder.appending(path: RunLog.fileName), encoding: .utf8)
    products = log.firstMatch(of: /products: (.*)/).map { String($0.1) } ?? ""
  }

  /// The first step that was another one, as far as the log tells: its loss was computed with what the step before left.
  func firstDifference(from other: Self) -> Int? {
    other.losses.keys.sorted().first { losses[$0] != nil && losses[$0] != other.losses[$0] }
  }
}
