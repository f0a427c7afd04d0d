/// A view of fp32 numbers in rows of equal length, owned by somebody else (a workspace, a parameter store, a file map).
///
/// Shape (rows, columns), row-major; `stride` is the distance between the starts of two rows, in elements. The view is
/// valid only while its owner keeps the memory.
public struct Matrix {
  public let base: UnsafeMutablePointer<Float>
  public let rows: Int
  public let columns: Int
  public let stride: Int

  public init(base: UnsafeMutablePointer<Float>, rows: Int, columns: Int, stride: Int? = nil) {
    self.base = base
    self.rows = rows
    self.columns = columns
    self.stride = stride ?? columns
    precondition(self.stride >= columns, "a row of \(columns) columns does not fit a stride of \(self.stride)")
  }

  /// Whether the rows lie end to end.
  public var isContiguous: Bool { stride == columns || rows <= 1 }

  /// rows · columns.
  public var count: Int { rows * columns }

  /// The numbers of a contiguous view as one buffer.
  public var elements: UnsafeMutableBufferPointer<Float> {
    precondition(isContiguous, "a strided view has no single buffer")
    return UnsafeMutableBufferPointer(start: base, count: count)
  }

  /// The numbers of a contiguous view in rows of another length.
  public func reshaped(columns: Int) -> Matrix {
    precondition(isContiguous && columns > 0 && count % columns == 0, "\(shape) in rows of \(columns)")
    return Matrix(base: base, rows: count / columns, columns: columns)
  }

  /// Some of the rows.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return Matrix(base: base + range.lowerBound * stride, rows: range.count, columns: columns, stride: stride)
  }

  /// Some of the columns.
  public func columns(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return Matrix(base: base + range.lowerBound, rows: rows, columns: range.count, stride: stride)
  }

  public subscript(row: Int, column: Int) -> Float {
    get { base[row * stride + column] }
    nonmutating set { base[row * stride + column] = newValue }
  }

  /// Sets every element.
  public func fill(_ value: Float) {
    eachBlock { rows in
      for row in rows { (base + row * stride).update(repeating: value, count: columns) }
    }
  }

  /// Copies a view of the same shape.
  public func copy(from other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "copy of \(other.shape) into \(shape)")
    eachBlock { rows in
      for row in rows { (base + row * stride).update(from: other.base + row * other.stride, count: columns) }
    }
  }

  /// Adds a contiguous view of the same shape.
  public func add(_ other: Matrix) {
    precondition(rows == other.rows && columns == other.columns, "sum of \(other.shape) and \(shape)")
    elements.baseAddress!.add(other.elements.baseAddress!, count: count)
  }

  /// "(rows, columns)", for messages.
  public var shape: String { "(\(rows), \(columns))" }

  /// The numbers in row order, for tests and files.
  public func array() -> [Float] {
    (0..<rows).flatMap { row in Array(UnsafeBufferPointer(start: base + row * stride, count: columns)) }
  }
}
