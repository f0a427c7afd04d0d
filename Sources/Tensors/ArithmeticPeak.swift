import CKernels

/// What the processor gives where no memory is in the way: the measure for products.
public enum ArithmeticPeak {
  /// Rounds of a task: some tenths of a millisecond.
  private static let rounds = 1 << 17

  /// Rates of fused multiply-adds in registers, two operations each: the best of several timings of all threads at once.
  ///
  /// - Parameter seconds: How long it is tried, for each length of vectors.
  /// - Returns: fp32 GFLOP/s of this process's ``Threads``.
  public static func rate(seconds: Double) -> Double {
    let wide = best(seconds) { ck_multiply_adds_wide(rounds) }
    let narrow = best(seconds) { ck_multiply_adds_narrow(rounds) }
    return max(16 / wide, 8 / narrow) * 2e-9 * 12 * Double(rounds)
  }

  /// Seconds a task and thread, at best.
  private static func best(_ seconds: Double, _ task: () -> Float) -> Double {
    let tasks = 4 * Threads.count, start = ContinuousClock.now
    var best = Double.infinity
    repeat {
      let begin = ContinuousClock.now
      let results = Threads.map(tasks) { _ in task() }
      let time = (ContinuousClock.now - begin) / .seconds(1)
      // Reading a result keeps the work from being left out.
      if results[0].isFinite { best = min(best, time / Double(tasks)) }
    } while ContinuousClock.now - start < .seconds(seconds)
    return best
  }
}
