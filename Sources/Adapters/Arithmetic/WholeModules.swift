/// Modules that are trained whole, classification heads most of all.
///
///     W' = Σ wᵢ Wᵢ / Σ wᵢ        over the adapters that hold the module
///
/// With weights that sum to 1 that is the paper's average; a head that a single adapter has stays as it is. Weights
/// of both signs make no mean: a head is no difference from a base that could be taken away. Idle adapters give only what
/// no other holds, all of them alike.
struct WholeModules {
  private(set) var tensors: [SavedTensor] = []
  private(set) var modulesToSave: [String] = []
  private(set) var taskHeads: [TaskHead] = []

  /// - Throws: ``ArithmeticError`` for modules of different shapes, or weights of different signs.
  init(_ terms: [WeightedAdapter], idle: [WeightedAdapter] = []) throws {
    let all = terms + idle
    for term in all {
      let configuration = term.adapter.configuration
      modulesToSave += configuration.modulesToSave.filter { !modulesToSave.contains($0) }
      for head in configuration.taskHeads { try add(head, of: term, among: all) }
    }
    var names: [String] = []
    for name in all.flatMap(\.adapter.allWholeTensors).map(\.name) where !names.contains(name) { names.append(name) }
    let alike = idle.map { WeightedAdapter(name: $0.name, adapter: $0.adapter, weight: 1) }
    tensors = try names.map { name in
      let isHeld = terms.contains { $0.adapter.allWholeTensors.contains { $0.name == name } }
      return try Self.mean(name, isHeld ? terms : alike)
    }
  }

  private mutating func add(_ head: TaskHead, of term: WeightedAdapter, among terms: [WeightedAdapter]) throws {
    guard let place = taskHeads.firstIndex(where: { $0.task == head.task }) else { return taskHeads.append(head) }
    let known = taskHeads[place]
    guard known.labelCount == head.labelCount, [[], known.labels].contains(head.labels) || known.labels.isEmpty else {
      let owner = terms.first { $0.adapter.configuration.taskHeads.contains(known) } ?? term
      throw ArithmeticError.differentHeads(task: head.task, .init(owner, known.text, term, head.text))
    }
    if known.labels.isEmpty { taskHeads[place] = head }
  }

  private static func mean(_ name: String, _ terms: [WeightedAdapter]) throws -> SavedTensor {
    let holders = terms.compactMap { term in
      term.adapter.allWholeTensors.first { $0.name == name }.map { (term: term, tensor: $0) }
    }
    let (owner, first) = holders[0]
    for (term, tensor) in holders where tensor.shape != first.shape {
      throw ArithmeticError.differentWholeModules(tensor: name, .init(owner, first.shape, term, tensor.shape))
    }
    guard holders.count > 1 else { return first }
    guard let shares = holders.map(\.term.weight).shares else {
      throw ArithmeticError.wholeModulesHaveNoMean(tensor: name)
    }
    let values = first.values.indices.map { index in
      Float(zip(shares, holders).reduce(0.0) { $0 + $1.0 * Double($1.1.tensor.values[index]) })
    }
    return SavedTensor(name: name, shape: first.shape, values: values)
  }
}

extension [Double] {
  /// Weights made to sum to 1; nil where their signs differ or all are 0.
  var shares: [Double]? {
    let total = reduce(0, +)
    return total != 0 && allSatisfy { $0 * total >= 0 } ? map { $0 / total } : nil
  }
}

extension SavedAdapter {
  /// The tensors of modules and heads that are trained whole.
  fileprivate var allWholeTensors: [SavedTensor] { wholeTensors + heads.flatMap { $0.tensors.map(\.tensor) } }
}

extension TaskHead {
  /// The labels, or how many.
  fileprivate var text: String { labels.isEmpty ? "\(labelCount) labels" : labels.joined(separator: ", ") }
}
