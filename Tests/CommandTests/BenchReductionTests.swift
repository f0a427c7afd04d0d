import Foundation
import TestSupport
import Testing

struct BenchReductionTests {
  private func run(_ options: [String], ranks: Int = 1) throws -> PolyadProcess.Outcome {
    try withTemporaryFolder { try PolyadProcess.run(["bench", "reduction"] + options, ranks: ranks, in: $0) }
  }

  @Test func oneRankHasNobodyToSumUpWith() throws {
    let outcome = try run([])
    #expect(outcome.exitCode == 2 && outcome.standardOutput.isEmpty)
    #expect(
      outcome.messages == [
        "polyad: bench reduction has one rank, which has nobody to sum up with: start several, as with "
          + "mpirun -n 2 polyad bench reduction"
      ])
  }

  @Test(arguments: [
    (["--bytes", "4096,3"], "--bytes has 3, but must be whole numbers from 4 to 4294967296"),
    (["--bytes", "8.5"], "--bytes has 8.5, but must be whole numbers from 4 to 4294967296"),
    (["--seconds", "0"], "--seconds is 0, but must be above 0 and at most 60"),
  ])
  func impossibleSizesAreRefused(options: [String], text: String) throws {
    let outcome = try run(options)
    #expect(outcome.exitCode == 2)
    #expect(outcome.messages == ["polyad: \(text) (see polyad bench --help)"])
  }

  @Test func everySizeIsMeasuredInEveryWay() throws {
    let outcome = try run(["--bytes", "4,40000", "--seconds", "0.01", "--json"], ranks: 2)
    try #require(outcome.exitCode == 0, "\(outcome.standardError)")
    let report = try #require(
      JSONSerialization.jsonObject(with: Data(outcome.standardOutput.utf8)) as? [String: Any])
    let rows = try #require(report["measurements"] as? [[String: Any]])
    #expect(rows.map { $0["kind"] as? String } == ["ordered", "ordered_bf16", "mpi"].flatMap { [$0, $0] })
    #expect(rows.map { $0["bytes"] as? Int } == [4, 40000, 4, 40000, 4, 40000])
    for row in rows {
      #expect(row["scope"] as? String == "node" && row["ranks"] as? Int == 2 && row["hosts"] as? Int == 1)
      let seconds = try #require(row["seconds"] as? Double), rate = try #require(row["bytes_per_second"] as? Double)
      let bytes = try #require(row["bytes"] as? Int)
      #expect(seconds > 0 && abs(rate * seconds - Double(bytes)) < 1e-6 * Double(bytes))
    }
  }
}
