import Testing

@testable import Training

struct StepSharesTests {
  /// Two steps of 4 s and 6 s: the slowest rank computes 3 s and 4 s of them, all in the mean 2 s and 3 s.
  @Test func aStepIsComputingWaitingAndSumming() {
    let shares = StepShares(busy: [[3, 2], [1, 4]], seconds: 10)
    #expect(abs(shares.communication - 0.3) < 1e-12)
    #expect(abs(shares.imbalance - 0.2) < 1e-12)
  }

  /// Ranks measure by their own clocks.
  @Test func aShareIsNeverBelowNothing() {
    #expect(StepShares(busy: [[2.000_001]], seconds: 2) == StepShares(communication: 0, imbalance: 0))
  }
}
