import Adapters
import Backbones
import Checkpoints
import Foundation
import Tensors
import TestSupport
import Training

extension Fixture {
  /// What single precision keeps of a kind of number where nothing sharpens its rounding, relative to a loss or to the
  /// norm of a row or tensor: 1e-7 of a loss, 1e-6 of a row of logits and 1e-5 of a gradient's norm through these models'
  /// depth; each gets ten times that. Adam divides a gradient by its own size, so that numbers whose gradient is near
  /// rounding move freely by the learning rate: 1e-4 of a parameter's norm, and of the loss, after three steps.
  private static let tolerances: KeyValuePairs = [
    "logits.": 1e-5, "loss_after3": 1e-4, "loss": 1e-6, "grad.": 1e-4, "after3.": 1e-4,
  ]

  /// Where an adapter, or the whole model where it is nil, parts from its golden numbers: a line for each loss, logits,
  /// gradient and value after three AdamW steps; empty when all agree.
  ///
  /// A number beyond its tolerance may be as far off as the order of sums may move this very number: twice the farthest
  /// of `movements`. T5's unscaled scores sharpen every rounding, and where a relu, or Adam's division by a gradient near
  /// zero, sits on an edge, single precision falls to either side of it. So after three steps flan-t5/molora-sd is 1.5e-2
  /// off, and the gradients of t5/mode-block are 1.1e-3 off, with OpenBLAS's kernels for Haswell, SkylakeX and
  /// Cooperlake alike; the draws move them by just that. Elsewhere these kernels stay within half of the farthest draw.
  /// No bound is above 0.05, so that a wrong formula stays visible.
  public func disagreements(adapter: String? = nil) throws -> [String] {
    let expected = try SafetensorsFile(Fixtures.require(golden(adapter).appending(path: "expected.safetensors")))
    let found = try numbers(model(adapter))
    let gradients = expected.names.filter { $0.hasPrefix("grad.") }, all = found.keys.filter { $0.hasPrefix("grad.") }
    // The project's own set leaves large arrays out.
    let compared = all.filter(expected.contains)
    var lines: [String] = []
    if gradients.count != (Fixtures.isWhole ? all.count : compared.count) || 8 * compared.count < all.count {
      lines.append("\(all.count) parameters train, not \(gradients.count)")
    }
    var far: [(name: String, distance: Double)] = []
    for name in expected.names {
      guard let values = found[name] else {
        lines.append("\(name): nothing like it was computed")
        continue
      }
      if Self.hasNoGradient(name) {
        // What rounding leaves of sums that cancel, and steps of the learning rate that Adam makes of it.
        if name.hasPrefix("grad."), values.contains(where: { abs($0) > 1e-6 }) { lines.append("\(name): not zero") }
        continue
      }
      let distance = Self.distance(name, values, try expected.array(name))
      let tolerance = Self.tolerances.first { name.hasPrefix($0.key) }!.value
      if distance > tolerance { far.append((name, distance)) }
    }
    guard !far.isEmpty else { return lines }
    let movements = try movements(of: adapter, from: found)
    for (name, distance) in far where distance > min(2 * movements[name]!, 0.05) {
      lines.append("\(name): relative distance \(distance); the order of sums may move it by \(movements[name]!)")
    }
    return lines
  }

  /// How far each number moves at most in 16 draws of ``Disturbance``. An edge that rounding may cross is nearer than
  /// the draws are wide, so that close to every second one crosses it.
  private func movements(of adapter: String?, from found: [String: [Float]]) throws -> [String: Double] {
    var movements: [String: Double] = [:]
    for seed in 1...16 {
      let moved = try numbers(model(adapter, disturbance: Disturbance(seed: UInt64(seed))))
      movements.merge(moved.map { ($0, Self.distance($0, $1, found[$0]!)) }, uniquingKeysWith: max)
    }
    return movements
  }

  /// What golden numbers are about, by their names: losses, the last rows of logits, gradients, and values after three
  /// AdamW steps.
  private func numbers(_ model: AdapterModel) -> [String: [Float]] {
    var numbers: [String: [Float]] = [:]
    let objective = Objective(model), entries = model.parameters.entries, batch = batch
    for (index, sequence) in sequences.enumerated() {
      numbers["logits.\(index)"] = objective.withLogits(of: everyPosition(of: sequence)) {
        $0.rows(max(0, $0.rows - 6)..<$0.rows).array()
      }
    }
    /// The mean loss; its summed gradient lies in the model's buffer.
    func step() -> [Float] {
      var sums = LossSums(accountCount: 3)
      model.parameters.zeroGradients()
      objective.addGradient(of: batch, randomKey: RandomKey(seed: 0), to: &sums)
      return [Float(sums.mean)]
    }
    var options = AdamW.Options()
    options.groups.weightDecay = 0.01
    let optimizer = AdamW(model.parameters, options: options), labelCount = Float(batch.labelCount)
    numbers["loss"] = step()
    for entry in entries {
      numbers["grad.\(entry.name)"] = model.parameters.gradient(entry.name).map { $0 / labelCount }
    }
    for round in 1...3 {
      if round > 1 { _ = step() }
      optimizer.update(learningRate: 0.01, gradientScale: 1 / Double(labelCount))
    }
    for entry in entries { numbers["after3.\(entry.name)"] = Array(model.parameters.values(entry.name)) }
    numbers["loss_after3"] = step()
    return numbers
  }

  /// The relative distance of what can be compared: of logits as many rows as there are of the expected ones, of the
  /// bias of GPT-2's joined map after steps no keys, since these have no gradient but rounding.
  private static func distance(_ name: String, _ found: [Float], _ expected: [Float]) -> Double {
    guard name.hasPrefix("after3."), name.hasSuffix("c_attn.bias") else {
      return relativeDistance(found.suffix(name.hasPrefix("logits.") ? expected.count : found.count), expected)
    }
    let third = expected.count / 3
    return relativeDistance(
      found.prefix(third) + found.suffix(third), expected.prefix(third) + expected.suffix(third))
  }

  /// The bias of an encoder's keys adds the same to every score of a row.
  private static func hasNoGradient(_ name: String) -> Bool { name.hasSuffix("self.key.bias") }
}
