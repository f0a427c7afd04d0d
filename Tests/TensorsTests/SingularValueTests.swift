import Tensors
import Testing

/// Matrices of doubles and their singular values.
struct SingularValueTests {
  private func random(_ rows: Int, _ columns: Int, seed: UInt64) -> DoubleMatrix {
    var values = [Float](repeating: 0, count: rows * columns)
    values.withUnsafeMutableBufferPointer { RandomKey(seed: seed).fillNormal($0, standardDeviation: 1) }
    return DoubleMatrix(rows: rows, columns: columns, values: values)
  }

  private func distance(_ first: DoubleMatrix, _ second: DoubleMatrix) -> Double {
    zip(first.values, second.values).map { abs($0 - $1) }.max() ?? 0
  }

  private func identity(_ size: Int) -> DoubleMatrix {
    DoubleMatrix(rows: size, columns: size, values: (0..<size * size).map { $0 % (size + 1) == 0 ? 1.0 : 0 })
  }

  private func expect(_ found: SingularValues, isOf matrix: DoubleMatrix) {
    let count = found.values.count
    #expect(distance(found.left.scalingColumns(by: found.values) * found.right, matrix) < 1e-12)
    #expect(distance(found.left.transposed * found.left, identity(count)) < 1e-12)
    #expect(distance(found.right * found.right.transposed, identity(count)) < 1e-12)
    #expect(found.values == found.values.sorted(by: >) && found.values.allSatisfy { $0 >= 0 })
  }

  @Test(arguments: [(5, 3), (3, 5), (4, 4), (1, 6), (6, 1)])
  func theFactorsMakeTheMatrix(rows: Int, columns: Int) throws {
    let matrix = random(rows, columns, seed: 1)
    expect(try #require(SingularValues(of: matrix)), isOf: matrix)
  }

  @Test(arguments: [2, 4, 9]) func aProductIsDecomposedFromItsFactors(inner: Int) throws {
    let tall = random(6, inner, seed: 1), wide = random(inner, 5, seed: 2)
    let found = try #require(SingularValues(ofProduct: tall, wide))
    expect(found, isOf: tall * wide)
    #expect(found.values.count == min(inner, 5))
  }

  @Test func aDiagonalMatrixHasItsOwnSingularValues() throws {
    let matrix = DoubleMatrix(rows: 2, columns: 3, values: [0.0, 2, 0, -5, 0, 0])
    #expect(try #require(SingularValues(of: matrix)).values == [5, 2])
    #expect(try #require(SingularValues(of: matrix.scaled(by: 0))).values == [0, 0])
  }

  @Test func matricesAreJoinedAndCut() {
    let a = DoubleMatrix(rows: 2, columns: 2, values: [1.0, 2, 3, 4])
    let b = DoubleMatrix(rows: 2, columns: 1, values: [5.0, 6])
    let joined = DoubleMatrix.joined([a, b])
    #expect(joined.values == [1, 2, 5, 3, 4, 6] && joined.columns == 3)
    #expect(joined.firstColumns(2) == a && joined[1, 2] == 6)
    #expect(DoubleMatrix.stacked([a, a]).firstRows(2) == a)
    #expect(a.scalingRows(by: [1, 10]).values == [1, 2, 30, 40])
    #expect(a.scalingColumns(by: [1, 10]).values == [1, 20, 3, 40])
    #expect((a * b).values == [17, 39] && a.transposed.values == [1, 3, 2, 4])
  }
}
