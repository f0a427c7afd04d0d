import Testing

@testable import polyad

/// A rank's part of its node's cores.
struct ThreadPlanTests {
  private func plan(
    _ cores: [Set<Int>], rank: Int = 0, quota: Int? = nil, variable: String? = nil
  ) throws -> Int {
    let environment = variable.map { ["POLYAD_THREADS": $0] } ?? [:]
    return try ThreadPlan(environment: environment, cores: cores, rank: rank, quota: quota).threadCount
  }

  @Test func ranksBoundToCoresUseTheirOwn() throws {
    #expect(try plan([[0, 1], [2, 3, 4]], rank: 0) == 2)
    #expect(try plan([[0, 1], [2, 3, 4]], rank: 1) == 3)
    #expect(try plan([[5]]) == 1)
  }

  @Test func unboundRanksShareTheCores() throws {
    let all = Set(0..<16)
    #expect(try plan([all]) == 16)
    #expect(try plan([all, all, all], rank: 2) == 5)
    #expect(try plan(Array(repeating: all, count: 40), rank: 7) == 1)
    // One is bound to two cores of them.
    #expect(try plan([all, [0, 1]], rank: 0) == 15)
    #expect(try plan([all, [0, 1]], rank: 1) == 1)
  }

  @Test func aQuotaIsSharedToo() throws {
    let all = Set(0..<64)
    #expect(try plan([all], quota: 6) == 6)
    #expect(try plan([all, all, all, all], quota: 6) == 1)
    #expect(try plan([[0], [1]], quota: 6) == 1)
  }

  @Test func theVariableDecidesUpToTheCores() throws {
    let all = Set(0..<8)
    #expect(try plan([all, all], variable: "3") == 3)
    #expect(try plan(Array(repeating: [0], count: 4), variable: "1") == 1)
    for variable in ["0", "-1", "many", ""] {
      #expect(throws: UsageError.self) { try plan([all], variable: variable) }
    }
    let error = #expect(throws: UsageError.self) { try plan([all, all], variable: "5") }
    #expect(
      error?.description
        == "POLYAD_THREADS is 5, but each of 2 rank(s) here has 4 core(s) to itself: lower it, start fewer ranks, "
        + "or bind each to more cores (mpirun --map-by slot:pe=5 --bind-to core)")
  }
}
