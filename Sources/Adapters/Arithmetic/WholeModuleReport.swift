/// What became of a module that was trained whole, such as a classification head.
public struct WholeModuleReport: Sendable, Equatable {
  public enum Treatment: String, Sendable {
    /// It is the adapters' mean.
    case averaged
    /// It is the only adapter's, as it was.
    case takenOver = "taken_over"
    case leftOut = "left_out"
  }

  /// The module as modules_to_save names it, or the path of a task's own head.
  public let module: String
  public let treatment: Treatment
  /// The names of the adapters that it comes from or, left out, that hold it.
  public let adapters: [String]
  /// How much each of them counts, 1 in sum; empty where it is left out.
  public let shares: [Double]
}

extension ArithmeticRequest {
  /// What ``WholeModules`` makes of each module, in the order in which the adapters hold them.
  var wholeModules: [WholeModuleReport] {
    var reports: [WholeModuleReport] = []
    for (tensor, module) in (terms + idle).flatMap(\.adapter.wholeModules) {
      func holds(_ term: WeightedAdapter) -> Bool { term.adapter.wholeModules.contains { $0.tensor == tensor } }
      let report = report(module, terms.filter(holds), idle: idle.filter(holds))
      if !reports.contains(report) { reports.append(report) }
    }
    return reports
  }

  private func report(_ module: String, _ holders: [WeightedAdapter], idle: [WeightedAdapter]) -> WholeModuleReport {
    guard !options.leavesOutWholeModules else {
      return .init(module: module, treatment: .leftOut, adapters: (holders + idle).map(\.name), shares: [])
    }
    let isIdle = holders.isEmpty, givers = isIdle ? idle : holders
    guard givers.count > 1 else {
      return .init(module: module, treatment: .takenOver, adapters: givers.map(\.name), shares: [1])
    }
    let shares = givers.map { isIdle ? 1 : $0.weight }.shares ?? []
    return .init(module: module, treatment: .averaged, adapters: givers.map(\.name), shares: shares)
  }
}

extension SavedAdapter {
  /// The tensors of modules that are trained whole, and the modules that they belong to.
  fileprivate var wholeModules: [(tensor: String, module: String)] {
    let ofModules = wholeTensors.map { tensor in
      let module = configuration.modulesToSave.first { ("." + tensor.name).contains("." + $0 + ".") }
      return (tensor: tensor.name, module: module ?? tensor.name)
    }
    return ofModules + heads.flatMap { saved in
      saved.tensors.map { (tensor: $0.tensor.name, module: saved.head.path) }
    }
  }
}
