/// Sequences laid end to end, without padding, and the labels among their positions.
public struct PackedBatch {
  /// Token ids, all sequences one after another.
  public private(set) var tokens: [Int32] = []
  /// Each token's position in its sequence, from 0.
  public private(set) var positions: [Int32] = []
  /// Where each sequence starts among the tokens; one more than there are sequences.
  public private(set) var starts: [Int] = [0]
  /// Each sequence's task.
  public private(set) var tasks: [Int] = []
  /// Each sequence's running number in the run: what its random numbers are keyed by.
  public private(set) var ordinals: [UInt64] = []
  /// The tokens whose output predicts a label: the one before it.
  public private(set) var labelRows: [Int32] = []
  /// The class to predict there.
  public private(set) var labels: [Int32] = []
  /// Where each sequence's labels start; one more than there are sequences.
  public private(set) var labelStarts: [Int] = [0]

  public init() {}

  public var sequenceCount: Int { tasks.count }
  public var tokenCount: Int { tokens.count }
  public var labelCount: Int { labels.count }

  /// Empties the batch and keeps its memory.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    positions.removeAll(keepingCapacity: true)
    starts.removeAll(keepingCapacity: true)
    starts.append(0)
    tasks.removeAll(keepingCapacity: true)
    ordinals.removeAll(keepingCapacity: true)
    labelRows.removeAll(keepingCapacity: true)
    labels.removeAll(keepingCapacity: true)
    labelStarts.removeAll(keepingCapacity: true)
    labelStarts.append(0)
  }

  /// Adds one sequence of a causal model: the output at position p predicts `labels[p + 1]` where that is not -100.
  public mutating func appendCausal(
    tokens newTokens: some Collection<Int32>, labels newLabels: some Collection<Int32>, task: Int, ordinal: UInt64
  ) {
    precondition(newTokens.count == newLabels.count, "\(newTokens.count) tokens, \(newLabels.count) labels")
    let start = tokens.count
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    for (position, label) in newLabels.enumerated() where position > 0 && label >= 0 {
      labelRows.append(Int32(start + position - 1))
      labels.append(label)
    }
    close(task: task, ordinal: ordinal)
  }

  /// Adds a prompt whose last position alone is read, for generation; its label is a placeholder.
  public mutating func appendPrompt(tokens newTokens: some Collection<Int32>, task: Int) {
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    labelRows.append(Int32(tokens.count - 1))
    labels.append(0)
    close(task: task, ordinal: 0)
  }

  /// Adds a sequence whose every position is read, for its logits; the labels are placeholders.
  public mutating func appendEveryPosition(tokens newTokens: some Collection<Int32>, task: Int) {
    labelRows.append(contentsOf: Int32(tokens.count)..<Int32(tokens.count + newTokens.count))
    labels.append(contentsOf: repeatElement(0, count: newTokens.count))
    tokens.append(contentsOf: newTokens)
    positions.append(contentsOf: 0..<Int32(newTokens.count))
    close(task: task, ordinal: 0)
  }

  private mutating func close(task: Int, ordinal: UInt64) {
    starts.append(tokens.count)
    labelStarts.append(labels.count)
    tasks.append(task)
    ordinals.append(ordinal)
  }
}
