import Tensors

/// How the queries of a pass meet the keys that a cache holds.
///
/// A short segment's queries, such as those of one token more a sequence, are taken one by one, as their own keys are
/// few. What several of them see whole, a prompt's beginning, meets them all in one product, so that its keys are read
/// once. A query's parts are joined by their log-sum-exps (Dao et al. 2023, flash-decoding):
///
///     y = σ y₁ + (1 - σ) y₂        σ = sigmoid(L₁ - L₂), L the log-sum-exp of a part's scores
extension Attention {
  /// What one pass's segments do, in layers that see alike.
  struct CachePlan {
    /// Of long segments.
    fileprivate(set) var blocks: [Block] = []
    /// The queries of short ones.
    fileprivate(set) var queries: [Query] = []
    /// Where several of these see the same rows.
    fileprivate(set) var groups: [Group] = []
    /// Parts of queries that groups give.
    fileprivate(set) var partCount = 0

    /// The longest run of keys that a query meets alone.
    fileprivate var longestPiece: Int { queries.flatMap(\.pieces).reduce(0) { max($0, $1.rows.count) } }
    fileprivate var aloneCount: Int { queries.flatMap(\.pieces).reduce(0) { $0 + $1.rows.count } }
  }

  /// A row of queries.
  struct Query {
    let row: Int
    /// Keys up to its own.
    let count: Int
    /// The keys that it meets alone: their rows, and the place behind the last of them.
    var pieces: [(rows: Range<Int>, end: Int)] = []
    /// Its parts that groups give.
    var parts: [Int] = []
  }

  /// Some queries, and keys that each of them sees all of.
  struct Group {
    let keys: Range<Int>
    /// Rows of the queries.
    let rows: [Int]
    /// The first's part; the others' are behind it.
    let firstPart: Int

    var scoreCount: Int { rows.count * keys.count }
  }

  /// Rows of a segment at most whose queries are taken one by one.
  static let shortSegment = 16
  /// Queries at least that are worth a product.
  private static let leastGroup = 4

  /// - Parameters:
  ///   - keys: What each segment sees of the cache.
  ///   - isBiased: Whether scores depend on distances; then nothing is grouped.
  func plan(_ keys: [KeyRanges], isBiased: Bool, _ pass: Pass) -> CachePlan {
    var plan = CachePlan()
    // The whole ranges that queries see, in the order of their first query.
    var order: [Range<Int>] = [], members: [Range<Int>: [Int]] = [:]
    for (segment, seen) in keys.enumerated() {
      let rows = pass.rows(of: segment)
      // Of a segment that sees nothing, nobody else sets the result.
      guard rows.count <= Self.shortSegment || seen.count == 0 else {
        plan.blocks += blocks(rows, seeing: seen)
        continue
      }
      for row in rows {
        let (query, whole) = query(row, of: rows, seeing: seen)
        for range in isBiased ? [] : whole {
          if members[range] == nil { order.append(range) }
          members[range, default: []].append(plan.queries.count)
        }
        plan.queries.append(query)
      }
    }
    for range in order where members[range]!.count >= Self.leastGroup { plan.group(members[range]!, seeing: range) }
    return plan
  }

  /// A query with all its keys as pieces, and those ranges that it sees whole and others may too.
  private func query(
    _ row: Int, of rows: Range<Int>, seeing keys: KeyRanges
  ) -> (query: Query, whole: [Range<Int>]) {
    let place = keys.count - rows.count + row - rows.lowerBound
    let end = mask == .full ? keys.count : max(place + 1, keys.visible)
    let begin = max(0, window.map { place + 1 - $0 } ?? 0)
    var query = Query(row: row, count: place + 1), whole: [Range<Int>] = [], start = 0
    for range in keys.ranges {
      let seen = (start..<start + range.count).clamped(to: begin..<end)
      if !seen.isEmpty {
        let first = range.lowerBound + seen.lowerBound - start
        query.pieces.append((first..<first + seen.count, seen.upperBound))
        if seen.count == range.count { whole.append(range) }
      }
      start += range.count
    }
    return (query, whole)
  }

  /// Sets y to the attention of a pass's queries on a cache's keys and values.
  ///
  /// - Parameter inputs: Queries of the pass's rows, and a layer's whole keys and values.
  func attend(_ inputs: Inputs, _ plan: CachePlan, bias: DistanceBias?, into y: Matrix, _ pass: Pass) {
    let mark = pass.scratch.mark()
    if !plan.blocks.isEmpty {
      run(plan.blocks, inputs, bias, into: y, logSumExp: pass.scratch.matrix(headCount, y.rows), pass)
    }
    let parts = Parts(
      values: pass.scratch.matrix(plan.partCount, width), logSumExp: pass.scratch.matrix(headCount, plan.partCount))
    meetGroups(inputs, plan, into: parts, pass)
    meetAlone(inputs, plan, bias, joining: parts, into: y, pass)
    pass.scratch.release(to: mark)
  }

  /// What groups give: attention of queries on some keys, (parts, heads · width), and its log-sum-exps, (heads, parts).
  private struct Parts {
    let values, logSumExp: Matrix
  }

  private func meetGroups(_ inputs: Inputs, _ plan: CachePlan, into parts: Parts, _ pass: Pass) {
    // Groups and heads do not meet; the largest are begun first.
    let groups = plan.groups.sorted { $0.scoreCount > $1.scoreCount }
    let mark = pass.scratch.mark()
    let area = groups.reduce(0) { max($0, ($1.rows.count * ($1.keys.count + headWidth) + 15) & ~15) }
    let memory = pass.scratch.floats(Threads.count * area)
    let work = groups.reduce(0) { $0 + $1.scoreCount } * width
    Threads.run(groups.count * headCount, work: work) { task, place in
      let group = groups[task / headCount], head = task % headCount, columns = queryColumns(head)
      let count = group.rows.count, start = memory + place * area
      let q = Matrix(base: start, rows: count, columns: headWidth)
      let scores = Matrix(base: start + q.count, rows: count, columns: group.keys.count)
      for (index, row) in group.rows.enumerated() {
        q.rows(index..<index + 1).copy(from: inputs.q.rows(row..<row + 1).columns(columns))
      }
      scores.set(q.N, keys(inputs.k, group.keys, head).T)
      if let softCap { scores.applySoftCap(softCap, scale: scale) }
      let range = group.firstPart..<group.firstPart + count
      scores.applySoftmax(
        ScoreMask(first: 0, visible: scores.columns, window: nil), scale: softCap == nil ? scale : 1,
        logSumExp: parts.logSumExp.rows(head..<head + 1).columns(range))
      parts.values.rows(range).columns(columns).set(scores.N, keys(inputs.v, group.keys, head).N)
    }
    pass.scratch.release(to: mark)
  }

  private func meetAlone(
    _ inputs: Inputs, _ plan: CachePlan, _ bias: DistanceBias?, joining parts: Parts, into y: Matrix, _ pass: Pass
  ) {
    let mark = pass.scratch.mark(), longest = plan.longestPiece, heads = HeadGroups(self, isBiased: bias != nil)
    let memory = (0..<Threads.count).map { _ in heads.memory(longest, headWidth, pass.scratch) }
    let work = (plan.aloneCount + plan.partCount) * width
    Threads.run(plan.queries.count * heads.count, work: work) { task, place in
      let query = plan.queries[task / heads.count], group = task % heads.count, own = heads.queries(group)
      let columns = own.lowerBound * headWidth..<own.upperBound * headWidth, keyColumns = keyColumns(own)
      func row(_ x: Matrix, _ number: Int) -> Matrix { x.rows(number..<number + 1).columns(columns) }
      let q = row(inputs.q, query.row), out = row(y, query.row), memory = memory[place]
      var isFirst = true
      for part in query.parts {
        let sums = parts.logSumExp.rows(own).columns(part..<part + 1)
        if isFirst {
          out.copy(from: row(parts.values, part))
          for head in 0..<own.count { memory.total[0, head] = sums[head, 0] }
        } else {
          out.joinAttention(memory.total, headWidth: headWidth, with: (row(parts.values, part), sums))
        }
        isFirst = false
      }
      for (rows, end) in query.pieces {
        let target = isFirst ? out : memory.part
        target.setAttention(
          q, keys: inputs.k.rows(rows).columns(keyColumns), values: inputs.v.rows(rows).columns(keyColumns),
          headWidth: headWidth, scale: scale, softCap: softCap,
          bias: bias?.row(head: own.lowerBound, first: query.count - end), scores: memory.scores,
          logSumExp: isFirst ? memory.total : memory.sums)
        if !isFirst {
          out.joinAttention(memory.total, headWidth: headWidth, with: (target, memory.sums.reshaped(columns: 1)))
        }
        isFirst = false
      }
      if isFirst { out.fill(0) }
    }
    pass.scratch.release(to: mark)
  }

  /// Heads of a query that are taken together: their keys are neighbours in memory, which is read in longer runs than a
  /// head's.
  private struct HeadGroups {
    /// Groups of a query.
    let count: Int
    /// Heads of a group.
    private let size: Int

    /// - Parameter isBiased: Whether each head has its own biases; then it goes alone.
    init(_ attention: Attention, isBiased: Bool) {
      // Numbers of a position's keys for one task: several for each query, so that threads have something to share.
      let most = 512
      let keyHeads = (1...attention.keyHeadCount).last {
        attention.keyHeadCount % $0 == 0 && ($0 == 1 || $0 * attention.headWidth <= most)
      }!
      size = isBiased ? 1 : keyHeads * (attention.headCount / attention.keyHeadCount)
      count = attention.headCount / size
    }

    func queries(_ group: Int) -> Range<Int> { group * size..<(group + 1) * size }

    /// What a thread writes on the way: scores, attention on one piece, and the heads' log-sum-exps of it and of all.
    typealias Memory = (scores: Matrix, part: Matrix, sums: Matrix, total: Matrix)

    func memory(_ keyCount: Int, _ headWidth: Int, _ scratch: Workspace) -> Memory {
      (
        scratch.matrix(size, keyCount), scratch.matrix(1, size * headWidth), scratch.matrix(1, size),
        scratch.matrix(1, size)
      )
    }
  }

  /// The columns of the keys that some heads see.
  private func keyColumns(_ heads: Range<Int>) -> Range<Int> {
    keyColumns(heads.lowerBound).lowerBound..<keyColumns(heads.upperBound - 1).upperBound
  }
}

extension Attention.CachePlan {
  /// Takes the keys that all of some queries see out of what these meet alone, in products of bounded size.
  fileprivate mutating func group(_ members: [Int], seeing keys: Range<Int>) {
    for start in stride(from: 0, to: members.count, by: Attention.blockRows) {
      let some = members[start..<min(start + Attention.blockRows, members.count)]
      groups.append(Attention.Group(keys: keys, rows: some.map { queries[$0].row }, firstPart: partCount))
      for member in some {
        queries[member].pieces.removeAll { $0.rows == keys }
        queries[member].parts.append(partCount)
        partCount += 1
      }
    }
  }
}
