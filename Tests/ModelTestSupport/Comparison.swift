import Adapters
import Backbones
import Tensors
import Training

/// ‖found - expected‖ / ‖expected‖; the plain norm of `found` where nothing is expected. NaN counts as far.
public func relativeDistance(_ found: some Collection<Float>, _ expected: some Collection<Float>) -> Double {
  precondition(found.count == expected.count, "\(found.count) numbers for \(expected.count)")
  var difference = 0.0, size = 0.0
  for (a, b) in zip(found, expected) {
    difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
    size += Double(b) * Double(b)
  }
  let distance = size > 0 ? (difference / size).squareRoot() : difference.squareRoot()
  return distance.isNaN ? .infinity : distance
}

/// Where a model's backward pass parts from central differences of the double-precision reference: a line for each
/// parameter, empty when all agree.
///
/// Of each parameter about `sampleCount` numbers are tried, spread over it. The model computes in single precision; its
/// rounding of 6e-8 grows through a few dozen operations to about 1e-5 of a tensor's largest slope; the tolerance is
/// 1e-4.
///
/// - Parameter randomKey: Of dropout and noise, which the reference's rule must draw alike.
public func slopeDisagreements(
  _ model: AdapterModel, _ reference: some ReferenceModel, _ sequences: [TestSequence],
  randomKey: RandomKey = RandomKey(seed: 0), sampleCount: Int = 4
) -> [String] {
  var sums = LossSums(accountCount: (sequences.map(\.task).max() ?? 0) + 1)
  model.parameters.zeroGradients()
  let batch = PackedBatch(sequences, for: model.backbone.architecture)
  Objective(model).addGradient(of: batch, randomKey: randomKey, to: &sums)
  let expectedLoss = reference.loss(sequences)
  let isNear = abs(sums.lossSum - expectedLoss) < 1e-5 * expectedLoss
  var lines = isNear ? [] : ["loss: \(sums.lossSum), not \(expectedLoss)"]
  for entry in model.parameters.entries {
    let bare = entry.name.replacing("base_model.model.", with: "", maxReplacements: 1)
    let name = reference.values[bare] == nil ? entry.name : bare
    let gradient = Array(model.parameters.gradient(entry.name))
    let indices = stride(from: 0, to: gradient.count, by: max(1, gradient.count / sampleCount))
    let pairs = indices.map { (found: Double(gradient[$0]), expected: reference.slope(name, $0, sequences)) }
    let largest = pairs.map { abs($0.expected) }.max()!
    let error = pairs.map { abs($0.found - $0.expected) }.max()!
    if !(error <= 1e-4 * largest + 1e-5) { lines.append("\(entry.name): off by \(error), largest slope \(largest)") }
  }
  return lines
}

extension AdapterModel {
  /// Values for the reference: every trained parameter by its name in the file, or the backbone's if it has one.
  public func addValues(to reference: inout some ReferenceModel) {
    for entry in parameters.entries {
      let bare = entry.name.replacing("base_model.model.", with: "", maxReplacements: 1)
      let isBackbones = backbone.parameters.contains { $0.name == bare }
      reference.values[isBackbones ? bare : entry.name] = parameters.values(entry.name).map(Double.init)
    }
  }

  /// Numbers far from an adapter's start, such as zeros: N(0, 0.3) in every parameter, plus one if that is the start.
  public func scatterValues(seed: UInt64 = 5) {
    for entry in parameters.entries where !backbone.parameters.contains(where: { entry.name.hasSuffix($0.name) }) {
      let startsAtOnes = parameters.values(entry.name).allSatisfy { $0 == 1 }
      RandomKey(seed: seed).child(entry.name).fillNormal(parameters.values(entry.name), standardDeviation: 0.3)
      if startsAtOnes { for index in entry.range { parameters.values[index] += 1 } }
    }
  }
}
