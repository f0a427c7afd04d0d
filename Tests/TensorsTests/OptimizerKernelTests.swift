import CKernels
import Foundation
import Testing

@Test(arguments: awkwardSizes) func threeAdamWStepsAgreeWithALoopInDoublePrecision(count: Int) {
  let (rate, beta1, beta2, epsilon, decay, scale) = (0.01, 0.9, 0.999, 1e-8, 0.1, 0.25)
  var values = numbers(count), first = [Float](repeating: 0, count: count), second = first
  var w = values.map(Double.init), m = w.map { _ in 0.0 }, v = m
  for step in 1...3 {
    let gradient = numbers(count, step)
    let correction1 = 1 - pow(beta1, Double(step)), correction2 = 1 - pow(beta2, Double(step))
    ck_adamw(
      count, Float(rate), Float(1 - beta1), Float(beta2), Float(1 - beta2), Float(epsilon), Float(decay),
      Float(correction1), Float(correction2), Float(scale), gradient, &first, &second, &values)
    for i in 0..<count {
      let g = scale * Double(gradient[i])
      w[i] -= rate * decay * w[i]
      m[i] = beta1 * m[i] + (1 - beta1) * g
      v[i] = beta2 * v[i] + (1 - beta2) * g * g
      w[i] -= rate / correction1 * m[i] / ((v[i] / correction2).squareRoot() + epsilon)
    }
  }
  // A dozen fp32 operations an update, each off by 6e-8 of values near 1.
  #expect(largestDifference(values, w) < 3e-6)
  #expect(largestDifference(first, m) < 1e-6)
  #expect(largestDifference(second, v) < 1e-7)
}

@Test func adamWWithoutAGradientOnlyDecays() {
  var values: [Float] = [2, -4], first: [Float] = [0, 0], second: [Float] = [0, 0]
  ck_adamw(2, 0.1, 0.1, 0.999, 0.001, 1e-8, 0.5, 0.1, 0.001, 1, [0, 0], &first, &second, &values)
  #expect(values == [2 * 0.95, -4 * 0.95])
}
