import Tensors

/// How the rows of segments are cut, and the memory for their scores.
extension Attention {
  /// Some queries of one segment, and the keys that they see between them.
  struct Block {
    /// Rows of the queries.
    let queries: Range<Int>
    /// The keys' rows, and their columns in the block's scores.
    let pieces: [(rows: Range<Int>, columns: Range<Int>)]
    let columnCount: Int
    let mask: ScoreMask

    /// The column of the first query's own key.
    var first: Int { mask.first }
    var scoreCount: Int { queries.count * columnCount }
  }

  func queryColumns(_ head: Int) -> Range<Int> { head * headWidth..<(head + 1) * headWidth }

  func keyColumns(_ head: Int) -> Range<Int> {
    let start = head / (headCount / keyHeadCount) * headWidth
    return start..<start + headWidth
  }

  /// A head's part of the queries' rows.
  func queries(_ x: Matrix, _ block: Block, _ head: Int) -> Matrix {
    x.rows(block.queries).columns(queryColumns(head))
  }

  /// A head's part of some keys or values.
  func keys(_ x: Matrix, _ rows: Range<Int>, _ head: Int) -> Matrix { x.rows(rows).columns(keyColumns(head)) }

  /// A head's numbers of the block's rows in a matrix (heads, rows).
  func sums(_ logSumExp: Matrix, _ block: Block, _ head: Int) -> Matrix {
    logSumExp.rows(head..<head + 1).columns(block.queries)
  }

  /// A segment's rows in blocks; none where it sees no key.
  func blocks(_ rows: Range<Int>, seeing keys: KeyRanges) -> [Block] {
    let keyCount = keys.count, before = keyCount - rows.count
    guard keyCount > 0 else { return [] }
    precondition(mask == .full || before >= 0, "\(rows.count) queries, but \(keyCount) keys: theirs must be among them")
    precondition(window == nil || keys.visible == 0, "a window would hide the visible prefix")
    return stride(from: 0, to: rows.count, by: Self.blockRows).map { place in
      let end = min(place + Self.blockRows, rows.count)
      let seen =
        switch mask {
        case .full: 0..<keyCount
        case .causal:
          max(0, window.map { before + place + 1 - $0 } ?? 0)..<max(before + end, keys.visible)
        }
      return Block(
        queries: rows.lowerBound + place..<rows.lowerBound + end, pieces: keys.pieces(seen), columnCount: seen.count,
        mask: ScoreMask(
          first: (mask == .full ? place : before + place) - seen.lowerBound,
          visible: mask == .full ? seen.count : keys.visible, window: window))
    }
  }

  /// The blocks of every segment.
  func blocks(_ keys: [KeyRanges], _ pass: Pass) -> [[Block]] {
    keys.enumerated().map { blocks(pass.rows(of: $0), seeing: $1) }
  }

  /// Numbers that all heads read of the keys of some blocks.
  func work(_ blocks: some Sequence<Block>) -> Int { blocks.reduce(0) { $0 + $1.scoreCount } * width }

  /// Matrices to use for one block after another, some for each of the threads that do.
  struct Buffers {
    fileprivate let memory: UnsafeMutablePointer<Float>
    /// Numbers of a matrix, and of all that one thread has.
    fileprivate let area, size: Int

    /// One of the matrices (queries, keys).
    func scores(_ index: Int, _ block: Block, _ place: Int) -> Matrix {
      Matrix(base: memory + place * size + index * area, rows: block.queries.count, columns: block.columnCount)
    }

    /// (1, queries).
    func row(_ block: Block, _ place: Int) -> Matrix {
      Matrix(base: memory + (place + 1) * size - Attention.blockRows, rows: 1, columns: block.queries.count)
    }
  }

  /// Calls `body` with `count` matrices a thread that hold any of the blocks' scores.
  func withBuffers(for blocks: [Block], count: Int, _ pass: Pass, _ body: (Buffers) -> Void) {
    let mark = pass.scratch.mark()
    // Threads write into cache lines of their own.
    let area = (blocks.reduce(0) { max($0, $1.scoreCount) } + 15) & ~15, size = count * area + Self.blockRows
    body(Buffers(memory: pass.scratch.floats(Threads.count * size), area: area, size: size))
    pass.scratch.release(to: mark)
  }
}
