import JSON
import Training

/// How much more several ranks compute in a second, as a table, a JSON object and a drawing.
struct ScalingReport {
  /// What is measured, in a few words.
  let name: String
  let kind: ScalingKind
  /// Each with as many samples, by round. The first of those with the fewest cores is what the others are compared with.
  let points: [ScalingPoint]

  private var base: ScalingPoint { points.min { $0.cores < $1.cores } ?? points[0] }

  /// How many times as many tokens a second as the base: the middle of the rounds' ratios, of which each compares what
  /// was measured within minutes.
  func speedUp(_ point: ScalingPoint) -> Double {
    zip(point.samples, base.samples).map { $0.tokensPerSecond / $1.tokensPerSecond }.median
  }

  /// The speed-up's share of what as many times the cores could bring.
  func efficiency(_ point: ScalingPoint) -> Double { speedUp(point) / (Double(point.cores) / Double(base.cores)) }

  /// Which kind of scaling it is, in words.
  var heading: String {
    switch kind {
    case .strong: "strong scaling of \(name): the same batches and parts at every number of ranks"
    case .weak: "weak scaling of \(name): as much for each rank, so the batch grows with the ranks"
    }
  }

  /// What the user should know, a line each.
  var notes: [String] {
    var notes: [String] = []
    for note in points.compactMap(\.note) where !notes.contains(note) { notes.append(note) }
    return notes
  }

  var table: Table {
    let titles = [
      "ranks", "threads", "hosts", "tokens/s", "examples/s", "seconds a step", "speed-up", "efficiency",
      "communication", "imbalance",
    ]
    return Table(
      columns: titles.map { .init($0, .right) },
      rows: points.map { point in
        ["\(point.ranks)", "\(point.threads)", "\(point.hosts)"]
          + [
            point.median(\.tokensPerSecond), point.median(\.examplesPerSecond), point.median(\.secondsPerStep),
            speedUp(point),
          ].map(Formatting.number)
          + [efficiency(point), point.median(\.shares.communication), point.median(\.shares.imbalance)]
          .map(Formatting.percent)
      })
  }

  var json: JSONValue {
    [
      "kind": .string(kind.rawValue), "subject": .string(name), "rounds": .int(points[0].samples.count),
      "scaling": .array(points.map(json)), "notes": .array(notes.map { .string($0) }),
    ]
  }

  private func json(_ point: ScalingPoint) -> JSONValue {
    [
      "ranks": .int(point.ranks), "threads": .int(point.threads), "hosts": .int(point.hosts),
      "tokens_per_second": .double(point.median(\.tokensPerSecond)),
      "examples_per_second": .double(point.median(\.examplesPerSecond)),
      "seconds_per_step": .double(point.median(\.secondsPerStep)), "speed_up": .double(speedUp(point)),
      "efficiency": .double(efficiency(point)),
      "communication_share": .double(point.median(\.shares.communication)),
      "imbalance": .double(point.median(\.shares.imbalance)),
      "rounds": .array(point.samples.map { .double($0.tokensPerSecond) }),
    ]
  }

  /// The speed-up over the cores that compute, a line a number of threads, beside the ideal.
  var plot: LinePlot {
    // From nothing on, so that what is missing to the ideal is seen in its true size.
    let most = Double(points.map(\.cores).max() ?? 1)
    let ideal = LinePlot.Line(
      name: "ideal", points: [.init(0, 0), .init(most, most / Double(base.cores))], isMain: true)
    var threads: [Int] = []
    for point in points where !threads.contains(point.threads) { threads.append(point.threads) }
    let measured = threads.map { count in
      let own = points.filter { $0.threads == count }.sorted { $0.cores < $1.cores }
      return LinePlot.Line(
        name: "\(count) thread\(count == 1 ? "" : "s") a rank", points: own.map { .init(Double($0.cores), speedUp($0)) }
      )
    }
    return LinePlot(
      title: "\(kind.rawValue) scaling of \(name)", xTitle: "cores that compute (ranks × threads)",
      yTitle: "speed-up", lines: [ideal] + measured)
  }
}
