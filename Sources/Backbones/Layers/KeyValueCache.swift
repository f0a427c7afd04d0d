import Tensors

/// Keys and values of the positions computed so far, in rows that sequences take and give back.
///
/// A sequence is a list of ranges of rows: those it shares with others, such as the beginning of a prompt, and its own.
/// Nothing is copied to be shared. The lowest rows are taken first, and a row that nobody ever wrote takes no memory.
public final class KeyValueCache {
  public let layerCount: Int
  /// Positions it can hold, all sequences together.
  public let rowCount: Int
  /// Width of a key (and of a value), all heads.
  public let width: Int
  /// Keys and values of an encoder's states; nil in decoder-only models.
  public let source: KeyValueCache?
  /// Rows that are taken.
  public private(set) var usedCount = 0
  /// Rows to take, in rising order, no range touching the next.
  private var free: [Range<Int>]
  private let storage: UnsafeMutableBufferPointer<Float>

  public init(layerCount: Int, rowCount: Int, width: Int, source: KeyValueCache? = nil) {
    (self.layerCount, self.rowCount, self.width, self.source) = (layerCount, rowCount, width, source)
    free = rowCount > 0 ? [0..<rowCount] : []
    storage = .allocate(capacity: 2 * layerCount * rowCount * width)
  }

  deinit { storage.deallocate() }

  /// A layer's keys, (rows, width).
  public func keys(_ layer: Int) -> Matrix { plane(2 * layer) }

  /// A layer's values, (rows, width).
  public func values(_ layer: Int) -> Matrix { plane(2 * layer + 1) }

  private func plane(_ number: Int) -> Matrix {
    Matrix(base: storage.baseAddress! + number * rowCount * width, rows: rowCount, columns: width)
  }

  // MARK: Rows

  /// The first free rows that lie end to end; nil: there are not so many.
  public func take(_ count: Int) -> Range<Int>? {
    guard count > 0 else { return 0..<0 }
    guard let place = free.firstIndex(where: { $0.count >= count }) else { return nil }
    let start = free[place].lowerBound, rest = start + count..<free[place].upperBound
    if rest.isEmpty { free.remove(at: place) } else { free[place] = rest }
    usedCount += count
    return start..<start + count
  }

  /// Makes rows free that were taken.
  public func giveBack(_ rows: Range<Int>) {
    guard !rows.isEmpty else { return }
    usedCount -= rows.count
    let place = free.firstIndex { $0.lowerBound >= rows.upperBound } ?? free.count
    precondition(
      rows.upperBound <= rowCount && (place == 0 || free[place - 1].upperBound <= rows.lowerBound),
      "rows \(rows) of \(rowCount) are free already")
    free.insert(rows, at: place)
    for lower in [place, place - 1]
    where lower >= 0 && lower + 1 < free.count && free[lower].upperBound == free[lower + 1].lowerBound {
      free[lower] = free[lower].lowerBound..<free[lower + 1].upperBound
      free.remove(at: lower + 1)
    }
  }

  /// Gives back everything but some ranges, which move to the first rows, one behind the other.
  ///
  /// - Returns: Where they are now.
  public func keepOnly(_ kept: [Range<Int>]) -> [Range<Int>] {
    var places: [Range<Int>] = []
    for range in kept {
      let start = places.last?.upperBound ?? 0
      places.append(start..<start + range.count)
    }
    let count = places.last?.upperBound ?? 0
    free = count < rowCount ? [count..<rowCount] : []
    usedCount = count
    if places != kept {
      let memory = Workspace(minimumChunk: 0), rows = memory.matrix(count, width)
      for number in 0..<2 * layerCount {
        for (old, new) in zip(kept, places) { rows.rows(new).copy(from: plane(number).rows(old)) }
        plane(number).rows(0..<count).copy(from: rows)
      }
    }
    return places
  }

  /// Copies rows to others, as many.
  public func copy(_ rows: Range<Int>, to others: Range<Int>) {
    for number in 0..<2 * layerCount { plane(number).rows(others).copy(from: plane(number).rows(rows)) }
  }

  /// Writes a layer's keys and values of new positions.
  func write(_ newKeys: Matrix, _ newValues: Matrix, layer: Int, to rows: Range<Int>) {
    keys(layer).rows(rows).copy(from: newKeys)
    values(layer).rows(rows).copy(from: newValues)
  }
}
