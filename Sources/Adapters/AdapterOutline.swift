import Backbones
import Tensors

/// An adapter's parameters and what it takes of a pass, counted without memory for either.
public struct AdapterOutline {
  /// With the family's defaults filled in.
  public let configuration: AdapterConfiguration
  /// All numbers that train.
  public let parameterCount: Int
  /// Rows of single tasks: how many numbers each task has to itself, and how many all tasks share.
  public let perTaskCount, sharedCount: Int
  /// The maps with an adapter, and what a row costs at each in the measure of ``PassWork/adapter``.
  private let sites: [(linear: Linear, rowWork: Double)]
  /// Whether all of the model trains.
  public var isFull: Bool { configuration.peftType == .full }

  /// Sets counted adapters into a backbone that is only counted, too.
  ///
  /// - Parameter tasks: The tasks that a part's examples are of.
  /// - Throws: ``AdapterError`` when a pattern matches nothing or an option does not fit.
  public init(_ configuration: AdapterConfiguration, backbone: any Backbone, tasks: Int) throws {
    let configuration = configuration.withDefaults(family: backbone.family)
    self.configuration = configuration
    let plan = try AdapterPlan(configuration, backbone: backbone, isFresh: true)
    for site in plan.sites {
      site.linear.adapter = plan.method.map { PlannedAdapter($0.passMemory(at: site.linear, tasks: tasks)) }
    }
    // A map that trains reads its input again, as under an adapter.
    if configuration.peftType == .full {
      for linear in backbone.linears { linear.adapter = PlannedAdapter(AdapterMemory(keptPerRow: 0)) }
    }
    sites = plan.sites.map { ($0.linear, configuration.rowWork(at: $0.linear)) }
    var perTask = 0, shared = 0
    for declaration in plan.declarations {
      guard let rows = declaration.taskRows, let length = declaration.shape.first, length > 0 else {
        shared += declaration.count
        continue
      }
      let width = declaration.count / length
      shared += rows.first * width
      perTask += rows.perTask * width
    }
    (perTaskCount, sharedCount) = (perTask, shared)
    parameterCount = plan.declarations.reduce(0) { $0 + $1.count }
  }

  /// What the adapters of one sequence cost, in the measure of ``PassWork/adapter``.
  public func work(tokenCount: Int, labelCount: Int, of backbone: any Backbone) -> Double {
    sites.reduce(0) { total, site in
      let rows = backbone.rowCount(of: site.linear, tokenCount: tokenCount, labelCount: labelCount)
      return total + Double(rows) * site.rowWork
    }
  }

  /// Numbers that a batch of so many tasks can give a gradient.
  public func touchedCount(tasks: Int) -> Int { min(parameterCount, sharedCount + tasks * perTaskCount) }
}

extension AdapterConfiguration {
  /// What a row costs at a map, forward and backward, in the measure of ``PassWork/adapter``.
  ///
  /// Forward, and two gradients, read and write both sides once each; each of the three products has two operations a
  /// multiply-add.
  fileprivate func rowWork(at linear: Linear) -> Double {
    let products = Double(multiplyAdds(inputs: linear.inputs, outputs: linear.outputs))
    return 3 * Double(linear.inputs + linear.outputs) + 6 * products / 16
  }
}

extension AdapterModel {
  /// What one sequence's pass computes, forward and backward.
  public func passWork(tokenCount: Int, labelCount: Int) -> PassWork {
    var work = backbone.passWork(tokenCount: tokenCount, labelCount: labelCount)
    guard let configuration else { return work }
    for linear in backbone.linears where linear.adapter != nil {
      let rows = backbone.rowCount(of: linear, tokenCount: tokenCount, labelCount: labelCount)
      work.adapter += Double(rows) * configuration.rowWork(at: linear)
    }
    return work
  }
}
