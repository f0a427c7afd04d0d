import Backbones
import Testing

/// The numbers are transformers 5.23's (`ROPE_INIT_FUNCTIONS`), which rounds every operation to single precision.
struct RotaryFrequenciesTests {
  private func agree(_ found: [Float], _ expected: [Float]) -> Bool {
    found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) <= 3e-7 * $1 }
  }

  @Test func llama3KeepsFastAndSlowsSlowFrequencies() {
    let scaling = RotaryFrequencies.Scaling.llama3(factor: 32, lowFactor: 1, highFactor: 4, originalLength: 8192)
    let expected: [Float] = [
      1, 0.193922758, 0.0376060307, 0.00729266508, 0.000429556705, 8.57025589e-06, 1.66196742e-06, 3.22293289e-07,
    ]
    #expect(agree(RotaryFrequencies(theta: 500_000, scaling: scaling).values(headWidth: 16), expected))
  }

  @Test func linearScalingDividesAll() {
    let expected: [Float] = [
      0.25, 0.0790569410, 0.0250000004, 0.00790569466, 0.00249999994, 0.000790569466, 0.000250000012, 7.90569466e-05,
    ]
    #expect(agree(RotaryFrequencies(scaling: .linear(factor: 4)).values(headWidth: 16), expected))
  }
}
