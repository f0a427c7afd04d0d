import Adapters
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Training

/// Comparing a model with the golden numbers.
extension Fixture {
  /// A number a kind of golden numbers: `logits`, `loss`, `grad`, `after3`, `loss_after3`.
  typealias ByKind = [String: Double]

  /// How far from the golden numbers single precision may be, relative to a loss or to the norm of a row or tensor.
  ///
  /// Single precision keeps 1e-7 of a loss, 1e-6 of a row of logits and 1e-5 of a gradient's norm through such a model's
  /// depth; each gets ten times that. Adam divides a gradient by its own size, so that numbers whose gradient is near
  /// rounding move freely by the learning rate: 1e-4 of a parameter's norm after three steps.
  static let tolerances: ByKind = ["logits": 1e-5, "loss": 1e-6, "grad": 1e-4, "after3": 1e-4, "loss_after3": 1e-4]

  /// Another model whose numbers are off by a few roundings: each by up to four of its last places.
  ///
  /// Whatever order sums are made in, single precision gives what exact arithmetic would make of numbers that are off by
  /// roundings. How far such a disturbance moves a result is therefore how far the order of sums may move it. T5's relu
  /// and unscaled scores sharpen roundings, and some of its adapters sit on a kink, where the gradient jumps.
  public struct Disturbance: Sendable {
    let seed: UInt64

    /// Disturbs some numbers, by their name.
    public func apply(to values: UnsafeMutableBufferPointer<Float>, _ name: String) {
      var noise = [Float](repeating: 0, count: values.count)
      noise.withUnsafeMutableBufferPointer { RandomKey(seed: seed).child(name).fillUniform($0, low: -1, high: 1) }
      for index in values.indices { values[index] *= 1 + 0x1p-21 * noise[index] }
    }
  }

  /// Where a model parts from the golden numbers in a folder: a line for each loss, logits, gradient and value after three
  /// steps; empty when all agree. The model is three AdamW steps further afterwards.
  public func disagreements(_ model: AdapterModel, expectedFolder: URL) throws -> [String] {
    let expected = try SafetensorsFile(Fixtures.require(expectedFolder.appending(path: "expected.safetensors")))
    return try disagreements(numbers(model), expected, Self.tolerances)
  }

  /// The same, for models that sharpen roundings: numbers may also part by twice as much as the furthest of six disturbed
  /// models does, by 5e-2 at the most. Measured with OpenBLAS's Haswell, SkylakeX and Cooperlake kernels: no number parts
  /// further from the golden ones than a disturbance of one last place moves it. A wrong formula is some 1e-1 off. One bound
  /// serves all numbers of a kind: which tensors a kink moves depends on the side that roundings fall to.
  ///
  /// - Parameter make: Makes the model, disturbed or not.
  public func disagreements(
    expectedFolder: URL, disturbing make: (Disturbance?) throws -> AdapterModel
  ) throws -> [String] {
    let expected = try SafetensorsFile(Fixtures.require(expectedFolder.appending(path: "expected.safetensors")))
    let found = try numbers(make(nil))
    var tolerances = Self.tolerances
    for seed in 1...6 as ClosedRange<UInt64> {
      for (name, values) in try numbers(make(Disturbance(seed: seed))) where !Self.hasNoGradient(name) {
        let moved = min(2 * relativeDistance(values, found[name] ?? []), 5e-2)
        tolerances[Self.kind(name), default: 0] = max(tolerances[Self.kind(name)] ?? 0, moved)
      }
    }
    return try disagreements(found, expected, tolerances)
  }

  private func disagreements(
    _ found: [String: [Float]], _ expected: SafetensorsFile, _ tolerances: ByKind
  ) throws -> [String] {
    var lines: [String] = []
    let trained = found.keys.filter { $0.hasPrefix("grad.") }
    let known = expected.names.filter { $0.hasPrefix("grad.") }
    // The project's own set has the small arrays of a whole model alone, a quarter of them or more.
    if Fixtures.isWhole ? trained.count != known.count : known.count * 8 < trained.count {
      lines.append("\(trained.count) parameters train, not \(known.count)")
    }
    for name in expected.names {
      guard var values = found[name] else {
        lines.append("\(name): there is none")
        continue
      }
      let golden = try expected.array(name)
      if name.hasPrefix("logits.") { values = values.suffix(golden.count) }
      if Self.hasNoGradient(name) {
        // What rounding leaves of sums that cancel, which Adam enlarges.
        if name.hasPrefix("grad."), values.contains(where: { abs($0) > 1e-6 }) { lines.append("\(name): not zero") }
        continue
      }
      if name.hasPrefix("after3."), name.hasSuffix("c_attn.bias") {
        let keys = values.count / 3..<2 * values.count / 3
        values.replaceSubrange(keys, with: golden[keys])
      }
      let distance = relativeDistance(values, golden)
      if distance > tolerances[Self.kind(name)] ?? 0 { lines.append("\(name): relative distance \(distance)") }
    }
    return lines
  }

  private static func kind(_ name: String) -> String { String(name.prefix { $0 != "." }) }

  /// The bias of an encoder's keys adds the same to every score of a row, and so does the key third of c_attn.bias, which
  /// is left out where it stands.
  private static func hasNoGradient(_ name: String) -> Bool { name.hasSuffix("self.key.bias") }

  /// What a model makes of the examples, under the golden numbers' names.
  private func numbers(_ model: AdapterModel) -> [String: [Float]] {
    var numbers: [String: [Float]] = [:]
    for (index, sequence) in sequences.enumerated() { numbers["logits.\(index)"] = lastLogits(sequence, model) }
    let objective = Objective(model), batch = batch, labelCount = Float(batch.labelCount)
    var options = AdamW.Options()
    options.groups.weightDecay = 0.01
    let optimizer = AdamW(model.parameters, options: options)
    /// The mean loss; its summed gradient lies in the model's buffer.
    func step() -> Float {
      var sums = LossSums(accountCount: 3)
      model.parameters.zeroGradients()
      objective.addGradient(of: batch, randomKey: RandomKey(seed: 0), to: &sums)
      return Float(sums.mean)
    }
    for round in 1...3 {
      let loss = step()
      if round == 1 {
        numbers["loss"] = [loss]
        for entry in model.parameters.entries {
          numbers["grad." + entry.name] = model.parameters.gradient(entry.name).map { $0 / labelCount }
        }
      }
      optimizer.update(learningRate: 0.01, gradientScale: 1 / Double(labelCount))
    }
    for entry in model.parameters.entries {
      numbers["after3." + entry.name] = Array(model.parameters.values(entry.name))
    }
    numbers["loss_after3"] = [step()]
    return numbers
  }
}
