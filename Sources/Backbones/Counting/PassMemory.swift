/// Numbers of memory that a training pass takes of its workspaces, four bytes each.
public struct PassMemory: Sendable, Equatable {
  /// What is kept until the backward pass has used it.
  public var kept = 0
  /// Short-lived values, at most at a time, of the forward and of the backward pass.
  public var forward = 0, backward = 0

  public init(kept: Int = 0, forward: Int = 0, backward: Int = 0) {
    (self.kept, self.forward, self.backward) = (kept, forward, backward)
  }

  /// Short-lived values at most.
  public var scratch: Int { max(forward, backward) }
}

/// The rows of a part, as far as the memory of its pass depends on them.
public struct PassRows: Sendable, Equatable {
  /// Rows of the stack that heads read, of an encoder's source, and rows that have labels.
  public var tokens, sources, labels: Int
  /// The longest sequence of either stream.
  public var longest, longestSource: Int
  /// The tasks that its examples are of.
  public var tasks: Int
  /// Threads of a rank, each of which holds scores of its own.
  public var threads: Int

  public init(
    tokens: Int, sources: Int = 0, labels: Int, longest: Int, longestSource: Int = 0, tasks: Int = 1, threads: Int = 1
  ) {
    (self.tokens, self.sources, self.labels) = (tokens, sources, labels)
    (self.longest, self.longestSource) = (longest, longestSource)
    (self.tasks, self.threads) = (tasks, threads)
  }
}

/// What a sublayer's memory depends on.
struct MemoryCounts {
  let rows: RowCounts
  /// Keys that the longest segment sees of its own stream, and of the other.
  let longest, longestSource: Int
  let threads: Int

  /// Whether fewer rows go on than come in.
  var isSelecting: Bool { rows.input != rows.output }
}

extension Linear {
  /// What the adapter on the map takes, if one is planned there.
  func adapterMemory(rows: Int) -> PassMemory {
    (adapter as? PlannedAdapter)?.memory.times(rows: rows) ?? PassMemory()
  }
}

extension Attention {
  /// Numbers of the buffers for blocks of scores, `count` matrices a thread.
  func bufferMemory(longest: Int, matrices count: Int, threads: Int) -> Int {
    let rows = min(longest, Self.blockRows)
    return threads * (count * rows * longest + Self.blockRows)
  }
}

extension [Linear] {
  func adapterMemory(rows: Int) -> PassMemory {
    reduce(into: PassMemory()) { total, linear in
      let own = linear.adapterMemory(rows: rows)
      total.kept += own.kept
      (total.forward, total.backward) = (Swift.max(total.forward, own.forward), Swift.max(total.backward, own.backward))
    }
  }
}
