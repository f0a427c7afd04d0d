import ArgumentParser
import JSON
import Testing
import Training

@testable import polyad

struct ScalingReportTests {
  private func point(_ ranks: Int, threads: Int = 1, _ tokens: [Double], note: String? = nil) -> ScalingPoint {
    let shares = StepShares(communication: 0.125, imbalance: 0.25)
    return ScalingPoint(
      ranks: ranks, threads: threads, hosts: ranks, note: note,
      samples: tokens.map { .init(tokensPerSecond: $0, examplesPerSecond: $0 / 10, secondsPerStep: 1, shares: shares) })
  }

  /// The machine slows to half in the third round: each round's ratio stays, that of the medians would not.
  @Test func speedUpIsTheMiddleOfTheRoundsRatios() {
    let report = ScalingReport(
      name: "x", kind: .strong,
      points: [point(2, [180, 190, 90]), point(1, [100, 100, 50]), point(4, [300, 300, 160])])
    #expect(report.points.map(report.speedUp) == [1.8, 1, 3])
    #expect(report.points.map(report.efficiency) == [0.9, 1, 0.75])
    let rows = report.table.rows
    #expect(rows[0] == ["2", "1", "2", "180", "18", "1", "1.8", "90.00 %", "12.50 %", "25.00 %"])
    #expect(report.heading == "strong scaling of x: the same batches and parts at every number of ranks")
  }

  /// Threads count as cores: 1 × 2 and 2 × 1 have the same ideal.
  @Test func threadsAreCores() {
    let report = ScalingReport(
      name: "x", kind: .weak, points: [point(1, [100]), point(1, threads: 2, [150]), point(2, threads: 2, [300])])
    #expect(report.points.map(report.efficiency) == [1, 0.75, 0.75])
    #expect(report.heading.hasPrefix("weak scaling of x: "))
  }

  @Test func theObjectHasAListOfPoints() {
    let report = ScalingReport(
      name: "x", kind: .strong, points: [point(1, [100], note: "slow"), point(2, [150], note: "slow")])
    guard case .array(let points) = report.json["scaling"] else {
      Issue.record("no list")
      return
    }
    #expect(points.map { $0["ranks"] } == [1, 2] && points[1]["tokens_per_second"] == 150.0)
    #expect(points[1]["efficiency"] == 0.75 && points[1]["communication_share"] == 0.125)
    #expect(report.json["kind"] == "strong" && report.json["notes"] == ["slow"])
  }

  @Test func theDrawingHasALineANumberOfThreadsBesideTheIdeal() {
    let svg = ScalingReport(
      name: "x", kind: .strong, points: [point(1, [100]), point(2, [190]), point(1, threads: 2, [150])]
    ).plot.svg
    for text in ["ideal", "1 thread a rank", "2 threads a rank", "strong scaling of x"] {
      #expect(svg.contains(">\(text)</text>"), "\(text)")
    }
    #expect(svg.components(separatedBy: "<polyline").count == 4)
    #expect(!svg.contains("nan") && !svg.contains("r=\"8\""))
  }

  /// In strong scaling the batch of all ranks is the same, whatever their number.
  @Test func strongScalingDividesOneBatch() {
    let strong = [1, 2, 3, 4].map { count in
      let batch = ScalingKind.strong.batch((4, 2), rankCount: count, among: [1, 2, 3, 4])
      return [batch.sequences * count, batch.parts * count]
    }
    #expect(strong == Array(repeating: [48, 24], count: 4))
    #expect(ScalingKind.weak.batch((4, 2), rankCount: 3, among: [1, 3]) == (4, 2))
  }

  @Test func countsAreReadOneByOne() throws {
    #expect(try CountList.parse("1, 2,8").values == [1, 2, 8])
    for text in ["", "1,,2", "0", "-1", "1.5", "a", "1,1"] {
      #expect(throws: ValidationError.self, "\(text)") { try CountList.parse(text) }
    }
    #expect(BenchScaling.doubles(upTo: 6) == [1, 2, 4] && BenchScaling.doubles(upTo: 0) == [1])
  }
}
