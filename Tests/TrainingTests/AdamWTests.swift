import Foundation
import Tensors
import Testing
import Training

/// The optimizer over a whole parameter buffer, against its definition in double precision.
struct AdamWTests {
  private func parameters() -> TrainableParameters {
    let parameters = TrainableParameters([.init(name: "a", shape: [3, 5]), .init(name: "b", shape: [7])])
    for index in 0..<parameters.count {
      parameters.values[index] = Float(index) / 7 - 1
      parameters.gradients[index] = Float((index * 5) % 11) - 4.5
    }
    return parameters
  }

  @Test func updatesAreCountedAndBiasCorrected() {
    let parameters = parameters()
    var options = AdamW.Options()
    (options.beta1, options.beta2, options.epsilon, options.weightDecay) = (0.8, 0.9, 1e-6, 0.05)
    let optimizer = AdamW(parameters, options: options)
    var w = parameters.values.map(Double.init), m = w.map { _ in 0.0 }, v = m
    let gradient = parameters.gradients.map { Double($0) / 4 }
    for step in 1...4 {
      let rate = 0.1 / Double(step)
      optimizer.update(learningRate: rate, gradientScale: 0.25)
      #expect(optimizer.updateCount == step)
      for index in w.indices {
        m[index] = 0.8 * m[index] + 0.2 * gradient[index]
        v[index] = 0.9 * v[index] + 0.1 * gradient[index] * gradient[index]
        let root = (v[index] / (1 - pow(0.9, Double(step)))).squareRoot()
        w[index] -= rate * 0.05 * w[index] + rate * m[index] / (1 - pow(0.8, Double(step))) / (root + 1e-6)
      }
    }
    for index in w.indices { #expect(abs(Double(parameters.values[index]) - w[index]) < 2e-6) }
  }

  @Test func theDefaultsAreHuggingFaces() {
    let options = AdamW.Options()
    #expect(options.beta1 == 0.9 && options.beta2 == 0.999 && options.epsilon == 1e-8 && options.weightDecay == 0)
  }

  @Test func nothingToTrainIsSound() {
    let optimizer = AdamW(TrainableParameters([]), options: AdamW.Options())
    optimizer.update(learningRate: 0.1, gradientScale: 1)
    #expect(optimizer.updateCount == 0)
  }
}
