import Tensors
import TestSupport
import Testing

/// Matrix products against the plain triple loop.
struct ProductTests {
  private let workspace = Workspace(minimumChunk: 4096)

  /// A view into a wider matrix, so that its stride differs from its width.
  private func matrix(_ rows: Int, _ columns: Int, _ seed: Int) -> Matrix {
    let wide = workspace.matrix(rows, columns + 3)
    for (index, value) in numbers(wide.count, seed).enumerated() { wide.base[index] = value }
    return wide.columns(1..<1 + columns)
  }

  private func loop(
    _ a: Matrix, _ transposesA: Bool, _ b: Matrix, _ transposesB: Bool, alpha: Double, beta: Double, _ c: Matrix
  ) -> [Double] {
    let inner = transposesA ? a.rows : a.columns
    return (0..<c.rows).flatMap { i in
      (0..<c.columns).map { j in
        let sum = (0..<inner).reduce(0.0) {
          $0 + Double(transposesA ? a[$1, i] : a[i, $1]) * Double(transposesB ? b[j, $1] : b[$1, j])
        }
        return alpha * sum + (beta == 0 ? 0 : beta * Double(c[i, j]))
      }
    }
  }

  @Test(arguments: [(1, 1, 1), (1, 17, 5), (16, 3, 15), (7, 33, 70)], [(Float(1), Float(0)), (1, 1), (-0.5, 2)])
  func everyTransposeScaleAndStrideAgreesWithTheLoop(sizes: (Int, Int, Int), factors: (Float, Float)) {
    let (rows, columns, inner) = sizes, (alpha, beta) = factors
    for transposesA in [false, true] {
      for transposesB in [false, true] {
        let a = transposesA ? matrix(inner, rows, 1) : matrix(rows, inner, 1)
        let b = transposesB ? matrix(columns, inner, 2) : matrix(inner, columns, 2)
        let c = matrix(rows, columns, 3)
        if beta == 0 { c.fill(.nan) }  // beta 0 does not read the old contents
        let expected = loop(
          a, transposesA, b, transposesB, alpha: Double(alpha), beta: Double(beta), c)
        c.accumulate(transposesA ? a.T : a.N, transposesB ? b.T : b.N, alpha: alpha, beta: beta)
        // Sums up to 600 have a last place of 6e-5.
        #expect(largestDifference(c.array(), expected) < 3e-4, "\(transposesA) \(transposesB)")
      }
    }
  }

  @Test func setIsAProductWithoutTheOldContents() {
    let a = matrix(3, 4, 1), b = matrix(4, 2, 2), c = matrix(3, 2, 3)
    c.fill(.nan)
    let expected = loop(a, false, b, false, alpha: 2, beta: 0, c)
    c.set(a.N, b.N, alpha: 2)
    #expect(largestDifference(c.array(), expected) < 1e-5)
  }

  @Test func productsWithoutRowsOrInnerColumnsAreSound() {
    matrix(0, 4, 1).set(matrix(0, 3, 1).N, matrix(3, 4, 2).N)
    let c = matrix(2, 2, 3)
    c.set(workspace.matrix(2, 0).N, workspace.matrix(0, 2).N)
    #expect(c.array() == [0, 0, 0, 0])
  }

  @Test(arguments: [(300, 70, 40), (40, 600, 300), (8, 700, 90), (513, 8, 40), (130, 33, 600)])
  func anyNumberOfThreadsGivesTheSameBits(sizes: (Int, Int, Int)) {
    let (rows, columns, inner) = sizes
    for (transposesA, transposesB) in [(false, false), (false, true), (true, false)] {
      let a = transposesA ? matrix(inner, rows, 1) : matrix(rows, inner, 1)
      let b = transposesB ? matrix(columns, inner, 2) : matrix(inner, columns, 2)
      let c = matrix(rows, columns, 3), start = c.array()
      let results = [1, 2, 3, 5].map { threads in
        for (index, value) in start.enumerated() { c[index / columns, index % columns] = value }
        withThreads(threads) { c.accumulate(transposesA ? a.T : a.N, transposesB ? b.T : b.N, alpha: 0.5) }
        return c.array().map(\.bitPattern)
      }
      #expect(results.allSatisfy { $0 == results[0] }, "\(sizes) \(transposesA) \(transposesB)")
    }
  }
}
