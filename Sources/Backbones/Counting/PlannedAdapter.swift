import Tensors

/// Numbers that an adapter takes at one map, four bytes each.
public struct AdapterMemory: Sendable, Equatable {
  /// Of each row: kept until the backward pass, and for a while in the forward and in the backward pass.
  public var keptPerRow, forwardPerRow, backwardPerRow: Int
  /// Whatever the rows, for a while.
  public var fixed: Int
  /// Whether the backward pass reads the map's input.
  public var readsInput: Bool

  public init(
    keptPerRow: Int, forwardPerRow: Int = 0, backwardPerRow: Int = 0, fixed: Int = 0, readsInput: Bool = true
  ) {
    (self.keptPerRow, self.forwardPerRow) = (keptPerRow, forwardPerRow)
    (self.backwardPerRow, self.fixed, self.readsInput) = (backwardPerRow, fixed, readsInput)
  }

  func times(rows: Int) -> PassMemory {
    PassMemory(
      kept: rows * keptPerRow, forward: rows * forwardPerRow + fixed, backward: rows * backwardPerRow + fixed)
  }
}

/// Stands on a map in place of an adapter while a model is only counted. It has no numbers, so it cannot be run.
public final class PlannedAdapter: LinearAdapter {
  public let memory: AdapterMemory

  public init(_ memory: AdapterMemory) { self.memory = memory }

  public var needsInput: Bool { memory.readsInput }

  public func forward(_ x: Matrix, into y: Matrix, base: Linear, _ pass: Pass) {
    preconditionFailure("\(base.path): a planned adapter cannot be run")
  }

  public func backward(_ dy: Matrix, x: Matrix?, into dx: Matrix?, base: Linear, _ pass: Pass) {
    preconditionFailure("\(base.path): a planned adapter cannot be run")
  }
}
