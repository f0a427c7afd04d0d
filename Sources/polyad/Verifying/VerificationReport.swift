import JSON
import Training

/// Whether the runs of a verification wrote the same bytes.
struct VerificationReport {
  let recipe: String
  /// Steps of each run.
  let steps: Int
  /// The first one is what the others are compared with.
  let runs: [VerifiedRun]
  /// Whether gradients are summed in the fixed tree that makes bits equal.
  let isOrdered: Bool

  /// A run that has written its bytes first; nil: none has.
  private var reference: VerifiedRun? { runs.first { $0.bytes != nil } }

  private func agrees(_ run: VerifiedRun) -> Bool {
    guard let bytes = run.bytes, let other = reference?.bytes else { return false }
    return bytes.digests == other.digests
  }

  /// Whether every run wrote the same.
  var agree: Bool { runs.allSatisfy(agrees) }

  private func kind(_ run: VerifiedRun) -> String {
    run.resumed.map { "from step \(Recipe.rehearsedHalf(of: steps)) of \($0)" } ?? "from the start"
  }

  /// What a run has otherwise than the first, in words; nil: nothing.
  private func difference(_ run: VerifiedRun) -> String? {
    guard !agrees(run), let other = reference?.bytes else { return nil }
    guard let bytes = run.bytes else {
      if case .failed(let reason) = run.outcome { return "failed: \(reason)" } else { return nil }
    }
    let step = bytes.firstDifference(from: other).map { "the loss differs from step \($0) on" }
    let products = bytes.products == other.products ? nil : "products: \(bytes.products) here, \(other.products) there"
    let files = bytes.digests.keys.filter { bytes.digests[$0] != other.digests[$0] }.sorted()
    return [step ?? "\(files.joined(separator: " and ")) differ", products].compactMap(\.self).joined(separator: "; ")
  }

  var table: Table {
    Table(
      columns: [
        .init("ranks", .right), .init("threads", .right), .init("hosts", .right), .init("steps"), .init("weights"),
        .init("optimizer"), .init(""),
      ],
      rows: runs.map { run in
        let digests = run.bytes.map { [$0.weights, $0.optimizer].map { String($0.prefix(16)) } } ?? ["-", "-"]
        return ["\(run.shape.ranks)", "\(run.shape.threads)", "\(run.shape.hosts)", kind(run)] + digests
          + [agrees(run) ? "same" : run.bytes == nil ? "failed" : "differs"]
      })
  }

  /// What was found, a line each, where not all is the same.
  var faults: [String] {
    let first = reference.map { "\($0.shape) \(kind($0))" } ?? ""
    var lines = runs.compactMap { run in
      difference(run).map { "\(run.shape) \(kind(run)), against \(first): \($0)" }
    }
    if reference == nil {
      lines = runs.compactMap { run in
        if case .failed(let reason) = run.outcome { "\(run.shape) \(kind(run)) failed: \(reason)" } else { nil }
      }
    }
    if !agree, !isOrdered {
      lines.append("the recipe's reduction is mpi, whose last bits depend on the number of ranks: ordered keeps them")
    }
    return lines
  }

  /// One line.
  var conclusion: String {
    let differing = runs.count { !agrees($0) }
    return agree
      ? "All \(runs.count) runs of \(steps) steps wrote the same bytes."
      : "\(differing) of \(runs.count) runs of \(steps) steps did not write the bytes of the others."
  }

  var json: JSONValue {
    [
      "recipe": .string(recipe), "steps": .int(steps), "agree": .bool(agree), "runs": .array(runs.map(json)),
      "faults": .array(faults.map { .string($0) }),
    ]
  }

  private func json(_ run: VerifiedRun) -> JSONValue {
    let fault: String? = if case .failed(let reason) = run.outcome { reason } else { nil }
    return [
      "ranks": .int(run.shape.ranks), "threads": .int(run.shape.threads), "hosts": .int(run.shape.hosts),
      "resumed_from": run.resumed.map {
        [
          "ranks": .int($0.ranks), "threads": .int($0.threads), "step": .int(Recipe.rehearsedHalf(of: steps)),
        ]
      } ?? .null,
      "agrees": .bool(agrees(run)), "sha256": run.bytes.map { .object($0.members) } ?? .null,
      "products": run.bytes.map { .string($0.products) } ?? .null,
      "error": fault.map { .string($0) } ?? .null,
    ]
  }
}

extension VerifiedRun.Bytes {
  /// Digests by file.
  fileprivate var members: [JSONValue.Member] {
    digests.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }
  }
}

/// Runs that did not write the same bytes.
struct VerificationError: Error, CustomStringConvertible {
  let description: String

  init(_ report: VerificationReport) {
    description = ([report.conclusion] + report.faults).joined(separator: "\n")
  }
}
