import CKernels

/// y = x W + b, W frozen.
///
/// fp32 numbers are multiplied as they lie. Those of bf16 meet an x rounded to bf16 too, to nearest even, and products
/// are summed in fp32: by the processor's own instructions or, where it has none, as fp32 products of W converted panel by
/// panel. All ways cut the result into tiles none of whose bits depend on where the cuts are or on who computes them.
struct FrozenProduct {
  let numbers: FrozenNumbers
  /// Rows and columns of W.
  let inner, columns: Int
  /// Whether W lies in memory as its transpose, (columns, inner).
  let isTransposed: Bool
  /// Whether x goes into the product as it is even where W's numbers are bf16.
  var keepsInput = false

  /// Shapes: x (rows, inner), y (rows, columns), of any stride; bias (1, columns) or nil.
  func run(_ x: Matrix, bias: Matrix?, into y: Matrix) {
    precondition(
      x.columns == inner && y.columns == columns && y.rows == x.rows && bias.map { $0.columns == columns } ?? true,
      "product of \(x.shape) and (\(inner), \(columns)) into \(y.shape)")
    guard y.count > 0 else { return }
    switch numbers {
    case .fp32(let weights):
      if ProductLibrary.current == .oneDNN, !isTransposed, x.rows >= TileGrid.leastRows {
        return multiplyByRows(x, weights, bias, into: y)
      }
      let isDone = ProductLibrary.current == .oneDNN && runPlanned(dense(x), UnsafeRawPointer(weights), bias, into: y)
      if !isDone { multiply(x, weights, bias, into: y) }
    case .bf16(let weights):
      let isDone =
        ProductLibrary.multipliesBF16 && !keepsInput && runPlanned(rounded(x), UnsafeRawPointer(weights), bias, into: y)
      if !isDone { multiplyByPanels(x, weights, bias, into: y) }
    }
  }

  // MARK: By oneDNN

  /// The left factor as it goes into a product, its rows end to end.
  private struct Factor {
    let base: UnsafeRawPointer
    let isBF16: Bool
    /// Bytes of a number.
    var size: Int { isBF16 ? MemoryLayout<UInt16>.stride : MemoryLayout<Float>.stride }
  }

  private func dense(_ x: Matrix) -> Factor {
    guard !x.isContiguous else { return Factor(base: UnsafeRawPointer(x.base), isBF16: false) }
    let memory = ProductMemory.ofThisThread.operand(x.count * MemoryLayout<Float>.stride)
    let copy = Matrix(base: memory.bindMemory(to: Float.self, capacity: x.count), rows: x.rows, columns: inner)
    copy.copy(from: x)
    return Factor(base: UnsafeRawPointer(memory), isBF16: false)
  }

  private func rounded(_ x: Matrix) -> Factor {
    let memory = ProductMemory.ofThisThread.operand(x.count * MemoryLayout<UInt16>.stride)
    nonisolated(unsafe) let y = memory.bindMemory(to: UInt16.self, capacity: x.count)
    Threads.blocks(of: x.rows, size: max(1, 1 << 15 / max(inner, 1))) { rows in
      ck_round_bf16(rows.count, inner, x.base + rows.lowerBound * x.stride, x.stride, y + rows.lowerBound * inner)
    }
    return Factor(base: UnsafeRawPointer(memory), isBF16: true)
  }

  /// Computes tile after tile; false where the library has no kernels for such products, whatever their rows.
  private func runPlanned(_ x: Factor, _ weights: UnsafeRawPointer, _ bias: Matrix?, into y: Matrix) -> Bool {
    func shape(rows: Int, columns: Int) -> ProductMemory.Shape {
      ProductMemory.Shape(
        rows: rows, columns: columns, inner: inner, isTransposed: isTransposed, isBF16: x.isBF16, hasBias: bias != nil)
    }
    // Asked of one height, so that the answer is the same for any number of threads.
    guard ProductMemory.ofThisThread.hasPlan(shape(rows: 64, columns: columns)) else { return false }
    let grid = TileGrid(frozenProductOf: y.rows, columns, cutsColumns: isTransposed, threads: Threads.count)
    Threads.run(grid.count) { tile, _ in
      let (rows, columns) = grid[tile], memory = ProductMemory.ofThisThread
      let y = y.rows(rows).columns(columns), result = y.isContiguous ? y : memory.tile(y.rows, y.columns)
      memory.run(
        shape(rows: rows.count, columns: columns.count), x: x.base + rows.lowerBound * inner * x.size,
        weights: weights + columns.lowerBound * inner * x.size,
        bias: bias.map { UnsafePointer($0.base + columns.lowerBound) }, into: result.base)
      if !y.isContiguous { y.copy(from: result) }
    }
    return true
  }

  // MARK: In fp32

  private func stored(_ weights: UnsafeMutablePointer<Float>) -> Matrix.Operand {
    let (rows, columns) = isTransposed ? (self.columns, inner) : (inner, self.columns)
    return Matrix.Operand(matrix: Matrix(base: weights, rows: rows, columns: columns), isTransposed: isTransposed)
  }

  /// By oneDNN's `sgemm`, which loses nothing on few rows of x where W lies as it is, and whose rows do not depend on
  /// each other if there are no fewer than ``TileGrid/leastRows``.
  private func multiplyByRows(
    _ x: Matrix, _ weights: UnsafeMutablePointer<Float>, _ bias: Matrix?, into y: Matrix
  ) {
    let weights = stored(weights)
    let grid = TileGrid(frozenProductOf: y.rows, columns, cutsColumns: false, threads: Threads.count)
    Threads.run(grid.count) { tile, _ in
      let rows = grid[tile].rows, y = y.rows(rows)
      if let bias { y.setRows(to: bias) }
      y.multiply(x.rows(rows).N, weights, 1, bias == nil ? 0 : 1, .oneDNN)
    }
  }

  private func multiply(
    _ x: Matrix, _ weights: UnsafeMutablePointer<Float>, _ bias: Matrix?, into y: Matrix
  ) {
    if let bias { y.setRows(to: bias) }
    y.accumulate(x.N, stored(weights), beta: bias == nil ? 0 : 1)
  }

  /// Columns and rows of a panel.
  private static let panelColumns = 256, panelRows = 4096

  /// Converts W in panels on the way into fp32 products; x is rounded as W's numbers were.
  func multiplyByPanels(_ x: Matrix, _ weights: UnsafePointer<UInt16>, _ bias: Matrix?, into y: Matrix) {
    if let bias { y.setRows(to: bias) }
    if bias == nil, inner == 0 { y.fill(0) }
    let left = keepsInput ? x : roundedThrough(x)
    nonisolated(unsafe) let weights = weights
    let panels = TileGrid(
      rows: inner, columns: columns, tileRows: max(inner, 1), tileColumns: Self.panelColumns)
    Threads.run(panels.count) { panel, _ in
      let columns = panels[panel].columns
      for start in stride(from: 0, to: inner, by: Self.panelRows) {
        let part = start..<min(start + Self.panelRows, inner)
        let weights = expandedPanel(weights, part, columns)
        y.columns(columns).accumulate(
          left.columns(part).N, isTransposed ? weights.T : weights.N, beta: start == 0 && bias == nil ? 0 : 1)
      }
    }
  }

  /// x rounded to bf16, in fp32.
  private func roundedThrough(_ x: Matrix) -> Matrix {
    let memory = ProductMemory.ofThisThread.operand(x.count * MemoryLayout<Float>.stride)
    let result = Matrix(base: memory.bindMemory(to: Float.self, capacity: x.count), rows: x.rows, columns: inner)
    ck_round_through_bf16(x.rows, inner, x.base, x.stride, result.base)
    return result
  }

  /// Some rows and columns of W in fp32, in the layout of its memory.
  private func expandedPanel(
    _ weights: UnsafePointer<UInt16>, _ rows: Range<Int>, _ columns: Range<Int>
  ) -> Matrix {
    let (lines, places, stride) = isTransposed ? (columns, rows, inner) : (rows, columns, self.columns)
    let memory = ProductMemory.ofThisThread.memory(rows.count * columns.count * MemoryLayout<Float>.stride)
    let panel = Matrix(
      base: memory.bindMemory(to: Float.self, capacity: rows.count * columns.count), rows: lines.count,
      columns: places.count)
    for (row, line) in lines.enumerated() {
      ck_expand_bf16(places.count, weights + line * stride + places.lowerBound, panel.base + row * panel.stride)
    }
    return panel
  }
}
