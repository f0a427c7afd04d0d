import Testing

@testable import Tensors

struct ArithmeticPeakTests {
  /// No product is faster than registers alone; a fifth more is left to a machine that is disturbed meanwhile.
  @Test func noProductBeatsThePeak() {
    let key = RandomKey(seed: 1), workspace = Workspace(minimumChunk: 0)
    let x = workspace.matrix(256, 256), y = workspace.matrix(256, 256), w = workspace.matrix(256, 256)
    key.child(0).fillUniform(x.elements, low: -1, high: 1)
    key.child(1).fillUniform(w.elements, low: -1, high: 1)
    var best = Double.infinity
    for _ in 0..<20 {
      let start = ContinuousClock.now
      y.set(x.N, w.N)
      best = min(best, (ContinuousClock.now - start) / .seconds(1))
    }
    let rate = 2e-9 * 256 * 256 * 256 / best / Double(Threads.count)
    let peak = ArithmeticPeak.rate(seconds: 0.05) / Double(Threads.count)
    #expect(peak > 1 && rate < 1.2 * peak, "\(rate) of \(peak) GFLOP/s")
  }

  @Test func coresThatAreThereHoldThoseThatMayBeUsed() {
    #expect(ProcessorCores.present.isSuperset(of: ProcessorCores.available))
    #expect(!ProcessorCores.available.isEmpty)
  }
}
