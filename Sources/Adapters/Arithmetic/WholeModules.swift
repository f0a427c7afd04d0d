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
  /// What became of each module, in the order in which the adapters hold them.
  private(set) var reports: [WholeModuleReport] = []

  /// A tensor, whose it is, and how much it counts.
  private typealias Holder = (term: WeightedAdapter, weight: Double, tensor: SavedTensor)

  /// - Throws: ``ArithmeticError`` for modules of different shapes, or weights of different signs.
  init(_ request: ArithmeticRequest) throws {
    let all = request.terms + request.idle
    for term in all where !request.options.leavesOutWholeModules {
      let configuration = term.adapter.configuration
      modulesToSave += configuration.modulesToSave.filter { !modulesToSave.contains($0) }
      for head in configuration.taskHeads { try add(head, of: term, among: all) }
    }
    var names: Set<String> = []
    for (tensor, module) in all.flatMap(\.adapter.wholeModules) where names.insert(tensor.name).inserted {
      try add(tensor.name, of: module, request)
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

  /// Adds a tensor, made of those of the adapters that give it, and what becomes of its module.
  private mutating func add(_ name: String, of module: String, _ request: ArithmeticRequest) throws {
    func holders(_ terms: [WeightedAdapter], weight: Double? = nil) -> [Holder] {
      terms.compactMap { term in
        let tensor = term.adapter.wholeModules.first { $0.tensor.name == name }?.tensor
        return tensor.map { (term, weight ?? term.weight, $0) }
      }
    }
    let counting = holders(request.terms), idle = holders(request.idle, weight: 1)
    if request.options.leavesOutWholeModules {
      report(module, .leftOut, counting + idle, shares: [])
    } else {
      let givers = counting.isEmpty ? idle : counting
      let shares = try Self.shares(of: givers)
      tensors.append(Self.mean(givers, shares))
      report(module, givers.count > 1 ? .averaged : .takenOver, givers, shares: shares)
    }
  }

  /// A module of several tensors is reported once.
  private mutating func report(
    _ module: String, _ treatment: WholeModuleReport.Treatment, _ holders: [Holder], shares: [Double]
  ) {
    let report = WholeModuleReport(
      module: module, treatment: treatment, adapters: holders.map(\.term.name), shares: shares)
    if !reports.contains(report) { reports.append(report) }
  }

  /// How much each giver counts, 1 in sum.
  private static func shares(of givers: [Holder]) throws -> [Double] {
    let (owner, _, first) = givers[0]
    for (term, _, tensor) in givers where tensor.shape != first.shape {
      throw ArithmeticError.differentWholeModules(tensor: first.name, .init(owner, first.shape, term, tensor.shape))
    }
    guard givers.count > 1 else { return [1] }
    guard let shares = givers.map(\.weight).shares else {
      throw ArithmeticError.wholeModulesHaveNoMean(tensor: first.name)
    }
    return shares
  }

  /// A single adapter's tensor stays as it is.
  private static func mean(_ givers: [Holder], _ shares: [Double]) -> SavedTensor {
    let first = givers[0].tensor
    guard givers.count > 1 else { return first }
    let values = weightedSum(givers.map { $0.tensor.values.map(Double.init) }, shares).map { Float($0) }
    return SavedTensor(name: first.name, shape: first.shape, values: values)
  }
}

extension SavedAdapter {
  /// The tensors of modules and heads that are trained whole, and the modules that they belong to.
  fileprivate var wholeModules: [(tensor: SavedTensor, module: String)] {
    wholeTensors.map { ($0, configuration.moduleToSave(of: $0.name) ?? $0.name) }
      + heads.flatMap { saved in saved.tensors.map { ($0.tensor, saved.head.path) } }
  }
}

extension TaskHead {
  /// The labels, or how many.
  fileprivate var text: String { labels.isEmpty ? "\(labelCount) labels" : labels.joined(separator: ", ") }
}
