import TestSupport
import Testing

/// No operation gives other bits where several threads share it: rows, columns and flat numbers are cut into several
/// blocks at these sizes, the last of them short.
struct ThreadedOperationTests {
  private func results(_ operation: ThreadedOperation, _ shape: (Int, Int), threads: Int) -> [UInt64] {
    withThreads(threads) {
      let operands = Operands(rows: shape.0, columns: shape.1)
      operation.run(operands)
      return operands.results
    }
  }

  @Test(arguments: ThreadedOperation.all) func theNumberOfThreadsChangesNoBit(operation: ThreadedOperation) {
    for shape in [(1, 50_001), (3, 20_011), (131, 770), (2001, 67)] {
      let alone = results(operation, shape, threads: 1)
      #expect(!alone.isEmpty)
      for threads in threadCounts.dropFirst() {
        let isSame = results(operation, shape, threads: threads) == alone
        #expect(isSame, "\(shape), \(threads) threads")
      }
    }
  }

  /// More numbers than one block of the sum has.
  @Test func aLongSumOfSquaresHasTheBitsOfOneThread() throws {
    let sum = try #require(ThreadedOperation.all.first { $0.description == "sum of squares" })
    let alone = results(sum, (3, 1_000_003), threads: 1)
    for threads in threadCounts.dropFirst() { #expect(results(sum, (3, 1_000_003), threads: threads) == alone) }
  }
}
