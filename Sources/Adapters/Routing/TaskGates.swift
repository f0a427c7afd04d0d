import Backbones
import Tensors

/// Which experts a task uses, and how much each counts for one of its segments.
protocol TaskAllocation {
  /// The experts of a task, in rising order.
  func experts(of route: Int) -> [Int]
  /// The weights of a segment on ``experts(of:)`` of its task.
  func weights(of segment: Int, _ pass: Pass) -> [Double]
  /// Adds the gradients of what the weights come from.
  func addGradient(_ dWeights: [Double], of segment: Int, _ pass: Pass)
}

/// Gates that are the same at all tokens of a segment: its task's weights on its experts, 0 on the others in use.
final class TaskGates: Gates {
  private let allocation: any TaskAllocation

  init(_ allocation: any TaskAllocation) { self.allocation = allocation }

  var router: ParameterPair? { nil }

  func experts(in pass: Pass) -> [Int32] {
    Set(Set(pass.segments.map(\.route)).flatMap(allocation.experts)).sorted().map(Int32.init)
  }

  func width(_ experts: [Int32]) -> Int { experts.count }

  func open(_ gates: Matrix, _ experts: [Int32], _ pass: Pass) {
    for segment in pass.segments.indices {
      var row = [Float](repeating: 0, count: experts.count)
      for (place, weight) in zip(places(of: segment, experts, pass), allocation.weights(of: segment, pass)) {
        row[place] = Float(weight)
      }
      gates.rows(pass.rows(of: segment)).setRows(to: row)
    }
  }

  func close(gradient: Matrix, gates: Matrix, _ experts: [Int32], _ pass: Pass) {
    for segment in pass.segments.indices {
      let sums = gradient.rows(pass.rows(of: segment)).columnSums()
      allocation.addGradient(places(of: segment, experts, pass).map { Double(sums[$0]) }, of: segment, pass)
    }
  }

  /// Where a segment's own experts are among those in use.
  private func places(of segment: Int, _ experts: [Int32], _ pass: Pass) -> [Int] {
    allocation.experts(of: pass.segments[segment].route).map { expert in
      experts.withUnsafeBufferPointer { Self.place(of: Int32(expert), in: $0) }
    }
  }

  private static func place(of expert: Int32, in experts: UnsafeBufferPointer<Int32>) -> Int {
    var low = 0, high = experts.count
    while low < high {
      let middle = (low + high) / 2
      if experts[middle] < expert { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
