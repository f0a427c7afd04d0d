/// A matrix cut into tiles of equal size; column after column of them, so that neighbours share their second factor. The
/// last ones of a row or column are smaller; rows and columns left over that would be fewer than ``leastRows`` and
/// ``leastColumns`` belong to the tiles before.
struct TileGrid {
  let rows, columns: Int
  let tileRows, tileColumns: Int

  /// oneDNN's kernels for fewer rows, or for small tiles, sum in another order.
  static let leastRows = 16
  static let leastColumns = 64

  init(rows: Int, columns: Int, tileRows: Int, tileColumns: Int) {
    (self.rows, self.columns, self.tileRows, self.tileColumns) = (rows, columns, tileRows, tileColumns)
  }

  /// The tiles of a product in fp32, whatever the number of threads.
  ///
  /// Narrow results are cut so small that OpenBLAS's kernels for small products, twice as fast there, take them; others so
  /// that a library loses nothing by the cuts.
  init(productOf rows: Int, _ columns: Int, inner: Int) {
    if columns <= ProductLibrary.narrowColumns {
      let fitting = ProductLibrary.smallProduct / max(columns * inner, 1)
      self.init(rows: rows, columns: columns, tileRows: min(max(fitting / 16 * 16, 16), 128), tileColumns: columns)
    } else {
      self.init(
        rows: rows, columns: columns, tileRows: 256, tileColumns: rows <= ProductLibrary.narrowColumns ? 192 : 512)
    }
  }

  /// The tiles of a product whose results do not depend on the cuts: as many for each thread, of at most 256 rows, which
  /// is where taller ones gain nothing. Where rows are few, columns are cut too if the library takes that; narrow results
  /// are not cut.
  init(frozenProductOf rows: Int, _ columns: Int, cutsColumns: Bool, threads: Int) {
    func share(_ length: Int, of parts: Int, step: Int) -> Int {
      ((length + parts - 1) / parts + step - 1) / step * step
    }
    let rounds = (rows + 256 * threads - 1) / (256 * threads)
    var height = share(rows, of: threads * rounds, step: 16), width = max(columns, 1)
    if columns < Self.leastColumns {
      height = max(rows, 1)
    } else if cutsColumns, threads > 1, height < 64 {
      height = min(share(rows, of: 1, step: 16), 64)
      width = max(share(columns, of: max(threads * height / max(rows, 1), 1), step: 64), 64)
    }
    self.init(rows: rows, columns: columns, tileRows: height, tileColumns: width)
  }

  private var tilesDown: Int { max(1, (rows - Self.leastRows) / tileRows + 1) }

  private var tilesAcross: Int { columns == 0 ? 0 : max(1, (columns - Self.leastColumns) / tileColumns + 1) }

  var count: Int { tilesDown * tilesAcross }

  subscript(_ tile: Int) -> (rows: Range<Int>, columns: Range<Int>) {
    let (down, across) = (tile % tilesDown, tile / tilesDown), (row, column) = (down * tileRows, across * tileColumns)
    return (
      row..<(down == tilesDown - 1 ? rows : row + tileRows),
      column..<(across == tilesAcross - 1 ? columns : column + tileColumns)
    )
  }
}
