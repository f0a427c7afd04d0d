import Tensors

extension SiteParameter.Initialization {
  /// Fills a parameter's memory.
  func fill(_ values: UnsafeMutableBufferPointer<Float>, key: RandomKey) {
    switch self {
    case .zeros: values.update(repeating: 0)
    case .ones: values.update(repeating: 1)
    case .kaimingUniform(let inputs):
      let bound = 1 / Float(inputs).squareRoot()
      key.fillUniform(values, low: -bound, high: bound)
    case .uniform(let bound): key.fillUniform(values, low: -bound, high: bound)
    case .normal(let standardDeviation): key.fillNormal(values, standardDeviation: standardDeviation)
    case .values(let given):
      precondition(given.count == values.count, "\(given.count) initial numbers for \(values.count)")
      _ = values.update(from: given)
    }
  }
}
