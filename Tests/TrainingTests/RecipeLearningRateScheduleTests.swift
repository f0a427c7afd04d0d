import Testing

@testable import Training

/// Against transformers' get_*_schedule, worked out by hand for 2 warm-up steps out of 10 and a peak of 1.
@Suite struct RecipeLearningRateScheduleTests {
  private func rates(_ kind: LearningRateSchedule.Kind, warmup: Int = 2, peak: Double = 1) -> [Double] {
    let schedule = LearningRateSchedule(kind: kind, peak: peak, warmupSteps: warmup, totalSteps: 10)
    return (0...11).map { schedule.rate(at: $0) }
  }

  /// Rounding of a few Float64 operations.
  private func agree(_ rates: [Double], _ expected: [Double]) -> Bool {
    rates.count == expected.count && zip(rates, expected).allSatisfy { abs($0 - $1) <= 1e-15 * max(1, abs($1)) }
  }

  @Test func linearFallsToZero() {
    #expect(agree(rates(.linear), [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0, 0]))
    #expect(agree(rates(.linear, warmup: 0), [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0, 0]))
  }

  @Test func cosineFallsInHalfAPeriod() {
    #expect(
      agree(
        rates(.cosine),
        [
          0, 0.5, 1, 0.9619397662556434, 0.8535533905932737, 0.6913417161825449, 0.5, 0.30865828381745514,
          0.14644660940672627, 0.03806023374435663, 0, 0.038060233744356575,
        ]))
  }

  @Test func polynomialFallsInALineToItsEnd() {
    #expect(
      agree(
        rates(.polynomial, warmup: 0, peak: 1e-3).map { $0 * 1e3 },
        [1, 0.90001, 0.80002, 0.70003, 0.60004, 0.50005, 0.40006, 0.30007, 0.20008, 0.10009, 1e-4, 1e-4]))
  }

  @Test func constantStaysAtThePeakAfterWarmUp() {
    #expect(rates(.constant, peak: 2) == [0, 1] + Array(repeating: 2, count: 10))
  }

  @Test func aRunOfWarmUpOnlyIsDefined() {
    for kind in LearningRateSchedule.Kind.allCases {
      let schedule = LearningRateSchedule(kind: kind, peak: 1, warmupSteps: 10, totalSteps: 10)
      #expect(schedule.rate(at: 5) == 0.5)
      #expect(schedule.rate(at: 10).isFinite)
    }
  }
}
