/// Byte-pair merging of one word, in memory that is reused from word to word.
///
/// The rule (Sennrich et al. 2016): of all adjacent pairs merge the one of lowest rank, the leftmost of equals, until
/// none is left. A heap of candidates keeps a word of n symbols at O(n log n): without a pre-tokenizer a whole text may
/// be a word.
struct MergeWorkspace: Sendable {
  /// A token of the word in the making, in a doubly linked list. −1 ends the list; a merged-away symbol has id −1.
  private struct Symbol {
    var id: Int32
    var previous: Int32
    var next: Int32
  }

  /// A pair that could merge when it was found.
  private struct Candidate {
    /// Rank, then position: the order in which merges happen.
    var order: UInt64
    /// The token it would become.
    var id: Int32
    var position: Int32 { Int32(truncatingIfNeeded: order) }
  }

  private var symbols: [Symbol] = []
  private var heap: [Candidate] = []

  /// Makes the word empty.
  mutating func begin() {
    symbols.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
  }

  /// Adds a symbol at the word's end.
  mutating func append(_ id: Int32) {
    let position = Int32(symbols.count)
    if position > 0 { symbols[Int(position) - 1].next = position }
    symbols.append(Symbol(id: id, previous: position - 1, next: -1))
  }

  /// Merges the word by `table` and appends what is left of it to `ids`.
  mutating func merge(by table: MergeTable, into ids: inout [Int32]) {
    guard !symbols.isEmpty else { return }
    for position in symbols.indices { consider(Int32(position), table) }
    while let candidate = popFirst() {
      let left = symbols[Int(candidate.position)]
      // A candidate is stale when either of its symbols has merged with another since.
      guard left.id >= 0, left.next >= 0, table.merge(left.id, symbols[Int(left.next)].id)?.id == candidate.id else {
        continue
      }
      let right = symbols[Int(left.next)]
      symbols[Int(left.next)].id = -1
      symbols[Int(candidate.position)].id = candidate.id
      symbols[Int(candidate.position)].next = right.next
      if right.next >= 0 { symbols[Int(right.next)].previous = candidate.position }
      if left.previous >= 0 { consider(left.previous, table) }
      consider(candidate.position, table)
    }
    // The first symbol is never merged away: merges keep the left one.
    var position: Int32 = 0
    while position >= 0 {
      ids.append(symbols[Int(position)].id)
      position = symbols[Int(position)].next
    }
  }

  /// Adds the pair that begins at `position` to the candidates, if it merges.
  private mutating func consider(_ position: Int32, _ table: MergeTable) {
    let left = symbols[Int(position)]
    guard left.next >= 0, let merge = table.merge(left.id, symbols[Int(left.next)].id) else { return }
    push(Candidate(order: UInt64(merge.rank) << 32 | UInt64(position), id: merge.id))
  }

  // MARK: - Binary heap, smallest order first

  private mutating func push(_ candidate: Candidate) {
    heap.append(candidate)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].order < heap[parent].order else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  private mutating func popFirst() -> Candidate? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    var parent = 0
    var child = 1
    while child < heap.count {
      if child + 1 < heap.count, heap[child + 1].order < heap[child].order { child += 1 }
      guard heap[child].order < last.order else { break }
      heap[parent] = heap[child]
      parent = child
      child = 2 * parent + 1
    }
    heap[parent] = last
    return first
  }
}
