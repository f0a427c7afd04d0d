import Adapters
import Foundation
import ModelTestSupport
import Tensors

/// What a branch's input is multiplied by at one row.
typealias Mask = (ReferenceGPT2.Application) -> [Double]

/// No dropout.
func everything(_ call: ReferenceGPT2.Application) -> [Double] { call.x.map { _ in 1 } }

/// Where a row comes in its sequence among those that the map sees; nil if it does not see it.
///
/// The last layer's maps behind attention see the rows alone that predict a label.
func seenRow(_ call: ReferenceGPT2.Application, _ sequences: [TestSequence]) -> Int? {
  guard call.path.hasPrefix("transformer.h.1."), !call.path.hasSuffix("c_attn") else { return call.position }
  let sequence = sequences.first { $0.ordinal == call.ordinal }!
  let labelRows = sequence.tokens.indices.filter { $0 > 0 && sequence.labels[$0] >= 0 }.map { $0 - 1 }
  return labelRows.firstIndex(of: call.position)
}

/// The mask that training draws for one row.
func dropoutMask(rate: Float, _ randomKey: RandomKey, _ sequences: [TestSequence]) -> Mask {
  dropoutMask(rate: rate, randomKey) { seenRow($0, sequences) }
}

/// The mask that training draws for one row.
///
/// - Parameter seenRow: Where the row comes among those of its sequence that the map sees; nil if it does not see it.
func dropoutMask(
  rate: Float, _ randomKey: RandomKey, seenRow: @escaping (ReferenceGPT2.Application) -> Int?
) -> Mask {
  { call in
    guard let row = seenRow(call) else { return everything(call) }
    let ones = [Float](repeating: 1, count: (row + 1) * call.x.count)
    var dropped = ones
    randomKey.child("dropout").child(call.path).child(call.ordinal).dropout(
      ones, into: &dropped, count: ones.count, rate: rate)
    return dropped.suffix(call.x.count).map(Double.init)
  }
}

/// A matrix' rows times x.
func products(_ matrix: some Collection<Double>, _ x: [Double]) -> [Double] {
  let matrix = Array(matrix)
  return (0..<matrix.count / x.count).map { row in
    var total = 0.0
    for (i, value) in x.enumerated() { total += matrix[row * x.count + i] * value }
    return total
  }
}

/// One low-rank product, x Aᵀ Bᵀ. Shapes: A (r, inputs), B (outputs, r).
func lowRank(_ x: [Double], _ a: some Collection<Double>, _ b: some Collection<Double>) -> [Double] {
  products(b, products(a, x))
}

/// Part `index` of `count` equal parts: an expert's numbers among all experts'.
func part(_ index: Int, of count: Int, _ values: [Double]) -> ArraySlice<Double> {
  let size = values.count / count
  return values[index * size..<(index + 1) * size]
}

func softmax(_ logits: [Double]) -> [Double] {
  let total = logits.reduce(0) { $0 + exp($1) }
  return logits.map { exp($0) / total }
}

/// y += scale · addend.
func add(_ scale: Double, _ addend: [Double], to y: inout [Double]) {
  for j in y.indices { y[j] += scale * addend[j] }
}

/// An adapter's parameters at one map, by their suffix.
struct SiteValues {
  let path: String
  let values: [String: [Double]]

  subscript(suffix: String) -> [Double] { values[parameterName(path, suffix)]! }
}

/// A rule for the maps that have a parameter `suffix`; the others stay as they are.
///
/// - Parameter change: Adds the adapter's part to y, given the row and the parameters.
func rule(
  at suffix: String, _ change: @escaping (ReferenceGPT2.Application, SiteValues, inout [Double]) -> Void
) -> ReferenceGPT2.Rule {
  { call, values in
    var y = call.base(call.x)
    guard values[parameterName(call.path, suffix)] != nil else { return y }
    change(call, SiteValues(path: call.path, values: values), &y)
    return y
  }
}

/// LoRA: y = x W + b + s x Aᵀ Bᵀ.
///
/// - Parameter scale: s of a module.
func loraRule(scale: @escaping (String) -> Double, mask: @escaping Mask = everything) -> ReferenceGPT2.Rule {
  rule(at: "lora_A.weight") { call, site, y in
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    add(scale(call.path), lowRank(x, site["lora_A.weight"], site["lora_B.weight"]), to: &y)
  }
}

/// TASK_LORA: the product of the sequence's task.
func taskLoRARule(taskCount: Int, scale: Double, mask: @escaping Mask = everything) -> ReferenceGPT2.Rule {
  rule(at: "lora_A") { call, site, y in
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    let a = part(call.task, of: taskCount, site["lora_A"]), b = part(call.task, of: taskCount, site["lora_B"])
    add(scale, lowRank(x, a, b), to: &y)
  }
}

/// MOLORA: the products of all experts, weighed by softmax(x Rᵀ); `sharesDown` is MOLORA_SD's one A.
func moLoRARule(
  expertCount: Int, scale: Double, sharesDown: Bool = false, mask: @escaping Mask = everything
) -> ReferenceGPT2.Rule {
  rule(at: "router") { call, site, y in
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    for (expert, gate) in softmax(products(site["router"], call.x)).enumerated() {
      let a = sharesDown ? site["lora_A"][...] : part(expert, of: expertCount, site["lora_A"])
      add(scale * gate, lowRank(x, a, part(expert, of: expertCount, site["lora_B"])), to: &y)
    }
  }
}

/// MODE: for each block of rank dimensions a softmax of its own over the experts' columns.
func moDERule(
  expertCount: Int, rank: Int, block: Int, scale: Double, mask: @escaping Mask = everything
) -> ReferenceGPT2.Rule {
  rule(at: "router") { call, site, y in
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    let z = products(site["lora_A"], x), b = site["lora_B"]
    for k in 0..<rank / block {
      let gates = softmax(products(part(k, of: rank / block, site["router"]), call.x))
      for (i, gate) in gates.enumerated() {
        for j in k * block..<(k + 1) * block {
          for q in y.indices { y[q] += scale * gate * z[j] * b[(i * y.count + q) * rank + j] }
        }
      }
    }
  }
}

/// A relaxed Bernoulli draw for each logit, as training makes it; without a key σ(logit).
func skillWeights(
  _ logits: some Collection<Double>, _ call: ReferenceGPT2.Application, _ key: RandomKey?, temperature: Double = 1
) -> [Double] {
  guard let key else { return logits.map { 1 / (1 + exp(-$0)) } }
  var draws = [Float](repeating: 0, count: logits.count)
  draws.withUnsafeMutableBufferPointer {
    key.child("routing").child(call.path).child(call.ordinal).fillUniform($0, low: 0, high: 1)
  }
  return zip(logits, draws).map { logit, draw in
    let u = Double(draw)
    return 1 / (1 + exp(-(logit + log(u) - log(1 - u)) / temperature))
  }
}

/// POLY without splits: A (skills, inputs, r) and B (skills, r, outputs) averaged, then multiplied.
func polyRule(taskCount: Int, skillCount: Int, rank: Int, noise: RandomKey?, temperature: Double = 1)
  -> ReferenceGPT2.Rule
{
  rule(at: "poly_lora_A") { call, site, y in
    let logits = part(call.task, of: taskCount, site["poly_router.module_logits"])
    let z = skillWeights(logits, call, noise, temperature: temperature)
    let w = z.map { $0 / (z.reduce(0, +) + 1e-12) }
    func average(_ values: [Double]) -> [Double] {
      var mean = [Double](repeating: 0, count: values.count / skillCount)
      for skill in 0..<skillCount { add(w[skill], Array(part(skill, of: skillCount, values)), to: &mean) }
      return mean
    }
    let a = average(site["poly_lora_A"]), b = average(site["poly_lora_B"])
    for j in 0..<rank {
      let product = call.x.indices.reduce(0) { $0 + call.x[$1] * a[$1 * rank + j] }
      for q in y.indices { y[q] += product * b[j * y.count + q] / Double(rank) }
    }
  }
}

/// MHR, A (splits, skills, inputs / splits, r) and B (splits, skills, r, outputs / splits): each split of the inputs
/// and of the outputs has weights of its own.
func mhrRule(taskCount: Int, splits: Int, skillCount: Int, rank: Int, noise: RandomKey?) -> ReferenceGPT2.Rule {
  rule(at: "poly_lora_A") { call, site, y in
    let z = skillWeights(part(call.task, of: taskCount, site["poly_router.module_logits"]), call, noise)
    let w = z.indices.map { index in
      let first = index / skillCount * skillCount
      return z[index] / (z[first..<first + skillCount].reduce(0, +) + 1e-12)
    }
    let a = site["poly_lora_A"], b = site["poly_lora_B"]
    let height = call.x.count / splits, width = y.count / splits
    for j in 0..<rank {
      var product = 0.0
      for p in call.x.indices {
        for s in 0..<skillCount {
          let block = p / height * skillCount + s
          product += call.x[p] * w[block] * a[(block * height + p % height) * rank + j]
        }
      }
      for q in y.indices {
        for s in 0..<skillCount {
          let block = q / width * skillCount + s
          y[q] += product * w[block] * b[(block * rank + j) * width + q % width] / Double(rank)
        }
      }
    }
  }
}

/// C_POLY: the outputs of common skills and of tasks' own, each a LoRA, weighed and added up.
func cPolyRule(_ configuration: AdapterConfiguration, noise: RandomKey?, mask: @escaping Mask = everything)
  -> ReferenceGPT2.Rule
{
  let (tasks, common, own) = (configuration.taskCount, configuration.commonSkillCount, configuration.taskSkillCount)
  let scale = configuration.loraAlpha / Double(configuration.adapterRank)
  return rule(at: "lora_A") { call, site, y in
    let x = zip(call.x, mask(call)).map { $0 * $1 }
    func addSkill(_ skill: Int, _ weight: Double) {
      let a = part(skill, of: common + tasks * own, site["lora_A"])
      let b = part(skill, of: common + tasks * own, site["lora_B"])
      add(scale * weight, lowRank(x, a, b), to: &y)
    }
    if common > 0 {
      let z = skillWeights(part(call.task, of: tasks, site["router_common"]), call, noise)
      let total = configuration.normalizesRouter ? z.reduce(0, +) + 1e-12 : 1
      for skill in 0..<common { addSkill(skill, z[skill] / total) }
    }
    guard own > 0 else { return }
    let first = configuration.exclusiveSkills ? common + call.task * own : common
    for (place, weight) in part(call.task, of: tasks, site["router_specific"]).enumerated() {
      addSkill(first + place, weight)
    }
  }
}
