import COpenBLAS

/// A matrix of doubles that owns its numbers, for exact work off the path of training: the arithmetic of adapters.
///
/// Shape (rows, columns), row-major.
public struct DoubleMatrix: Sendable, Equatable {
  public let rows: Int
  public let columns: Int
  public private(set) var values: [Double]

  /// - Parameter values: rows · columns numbers.
  public init(rows: Int, columns: Int, values: [Double]) {
    precondition(values.count == rows * columns, "\(values.count) numbers for a (\(rows), \(columns)) matrix")
    (self.rows, self.columns, self.values) = (rows, columns, values)
  }

  public init(rows: Int, columns: Int, values: [Float]) {
    self.init(rows: rows, columns: columns, values: values.map(Double.init))
  }

  public subscript(row: Int, column: Int) -> Double { values[row * columns + column] }

  /// ‖row‖ of every row.
  public var rowNorms: [Double] {
    (0..<rows).map { values[$0 * columns..<($0 + 1) * columns].reduce(0) { $0 + $1 * $1 }.squareRoot() }
  }

  /// The numbers rounded to 32 bits.
  public var floats: [Float] { values.map { Float($0) } }

  public var transposed: DoubleMatrix {
    var result = values
    for row in 0..<rows { for column in 0..<columns { result[column * rows + row] = values[row * columns + column] } }
    return DoubleMatrix(rows: columns, columns: rows, values: result)
  }

  /// Some of the rows, from the first on.
  public func firstRows(_ count: Int) -> DoubleMatrix {
    DoubleMatrix(rows: count, columns: columns, values: Array(values[0..<count * columns]))
  }

  /// Some of the columns, from the first on.
  public func firstColumns(_ count: Int) -> DoubleMatrix {
    let values = (0..<rows).flatMap { self.values[$0 * columns..<$0 * columns + count] }
    return DoubleMatrix(rows: rows, columns: count, values: values)
  }

  /// Every column multiplied by its factor.
  public func scalingColumns(by factors: [Double]) -> DoubleMatrix {
    precondition(factors.count == columns, "\(factors.count) factors for \(columns) columns")
    var result = self
    for index in result.values.indices { result.values[index] *= factors[index % columns] }
    return result
  }

  /// Every row multiplied by its factor.
  public func scalingRows(by factors: [Double]) -> DoubleMatrix {
    precondition(factors.count == rows, "\(factors.count) factors for \(rows) rows")
    var result = self
    for index in result.values.indices { result.values[index] *= factors[index / columns] }
    return result
  }

  /// All numbers multiplied by a factor.
  public func scaled(by factor: Double) -> DoubleMatrix {
    DoubleMatrix(rows: rows, columns: columns, values: values.map { $0 * factor })
  }

  /// Matrices of equal width, one below the other.
  public static func stacked(_ parts: [DoubleMatrix]) -> DoubleMatrix {
    let columns = parts[0].columns
    precondition(parts.allSatisfy { $0.columns == columns }, "stacked matrices of different widths")
    return DoubleMatrix(
      rows: parts.reduce(0) { $0 + $1.rows }, columns: columns, values: parts.flatMap(\.values))
  }

  /// Matrices of equal height, side by side.
  public static func joined(_ parts: [DoubleMatrix]) -> DoubleMatrix {
    let rows = parts[0].rows
    precondition(parts.allSatisfy { $0.rows == rows }, "joined matrices of different heights")
    var values: [Double] = []
    for row in 0..<rows {
      for part in parts { values += part.values[row * part.columns..<(row + 1) * part.columns] }
    }
    return DoubleMatrix(rows: rows, columns: parts.reduce(0) { $0 + $1.columns }, values: values)
  }

  /// The product (`cblas_dgemm`).
  public static func * (left: DoubleMatrix, right: DoubleMatrix) -> DoubleMatrix {
    precondition(
      left.columns == right.rows,
      "product of (\(left.rows), \(left.columns)) and (\(right.rows), \(right.columns))")
    var result = [Double](repeating: 0, count: left.rows * right.columns)
    if !result.isEmpty, left.columns > 0 {
      cblas_dgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(left.rows), blasint(right.columns), blasint(left.columns), 1,
        left.values, blasint(left.columns), right.values, blasint(right.columns), 0, &result, blasint(right.columns))
    }
    return DoubleMatrix(rows: left.rows, columns: right.columns, values: result)
  }
}
