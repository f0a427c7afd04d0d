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
      count, Float(rate), Float(beta1), Float(beta2), Float(epsilon), Float(decay), Float(correction1),
      Float(correction2), Float(scale), gradient, &first, &second, &values)
    for i in 0..<count {
      let g = scale * Double(gradient[i])
      w[i] -= rate * decay * w[i]
      m[i] = beta1 * m[i] + (1 - beta1) * g
      v[i] = beta2 * v[i] + (1 - beta2) * g * g
      w[i] -= rate / correction1 * m[i] / ((v[i] / correction2).squareRoot() + epsilon)
    }
  }
  // 1 - 0.999 in single precision is off by 2e-5 of itself, in the moment and its correction alike, where it cancels.
  #expect(largestDifference(values, w) < 3e-6)
  #expect(largestDifference(first, m) < 1e-6)
  #expect(largestDifference(second, v) < 1e-7)
}

@Test func adamWWithoutAGradientOnlyDecays() {
  var values: [Float] = [2, -4], first: [Float] = [0, 0], second: [Float] = [0, 0]
  ck_adamw(2, 0.1, 0.9, 0.999, 1e-8, 0.5, 0.1, 0.001, 1, [0, 0], &first, &second, &values)
  #expect(values == [2 * 0.95, -4 * 0.95])
}
