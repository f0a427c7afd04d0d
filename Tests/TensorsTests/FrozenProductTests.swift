import CKernels
import TestSupport
import Testing

@testable import Tensors

/// Products with frozen matrices in every way that a machine may compute them.
struct FrozenProductTests {
  /// Where the numbers lie, and what they are.
  final class Weights {
    let rows, columns: Int
    private let floats: Matrix
    private let halves: UnsafeMutablePointer<UInt16>
    private let workspace = Workspace(minimumChunk: 4096)

    init(_ rows: Int, _ columns: Int, seed: Int) {
      (self.rows, self.columns) = (rows, columns)
      floats = workspace.matrix(rows, columns)
      for (index, value) in numbers(floats.count, seed).enumerated() { floats.base[index] = value }
      halves = .allocate(capacity: max(floats.count, 1))
      ck_round_bf16(rows, columns, floats.base, columns, halves)
    }

    deinit { halves.deallocate() }

    func held(isBF16: Bool) -> FrozenMatrix {
      FrozenMatrix(isBF16 ? .bf16(halves) : .fp32(floats.base), rows: rows, columns: columns)
    }

    /// The numbers rounded to bf16.
    var rounded: UnsafePointer<UInt16> { UnsafePointer(halves) }
  }

  private let workspace = Workspace(minimumChunk: 4096)

  private func matrix(_ rows: Int, _ columns: Int, _ seed: Int, padding: Int = 0) -> Matrix {
    let wide = workspace.matrix(rows, columns + padding)
    for (index, value) in numbers(wide.count, seed).enumerated() { wide.base[index] = value }
    return wide.columns(0..<columns)
  }

  /// Some roundings of a sum of `count` products of numbers up to 3, and of a bias.
  private func roundings(_ count: Int) -> Double { 8 * 0x1p-24 * (9 * Double(count) + 3) }

  /// x W + b of the operands as they are multiplied, in double precision.
  private func reference(
    _ x: Matrix, _ w: FrozenMatrix, _ layout: FrozenMatrix.Layout, bias: Matrix?, roundsInput: Bool
  ) -> [Double] {
    let numbers = w.array(), (rows, inner) = (x.rows, x.columns)
    let columns = layout == .inputsByOutputs ? w.columns : w.rows
    let left = x.array().map { roundsInput ? Double(rounded($0)) : Double($0) }
    return (0..<rows * columns).map { place in
      let (row, column) = (place / columns, place % columns)
      return (0..<inner).reduce(bias.map { Double($0[0, column]) } ?? 0) { sum, index in
        let weight = numbers[layout == .inputsByOutputs ? index * columns + column : column * inner + index]
        return sum + left[row * inner + index] * Double(weight)
      }
    }
  }

  private func rounded(_ value: Float) -> Float {
    var (x, y) = (value, Float())
    ck_round_through_bf16(1, 1, &x, 1, &y)
    return y
  }

  @Test(arguments: [(1, 33, 50), (8, 70, 33), (17, 64, 100), (65, 31, 2), (300, 40, 70)], [false, true])
  func bothLayoutsAndDirectionsAgreeWithTheDefinition(sizes: (Int, Int, Int), isBF16: Bool) {
    let (tokens, inputs, outputs) = sizes
    for layout in [FrozenMatrix.Layout.inputsByOutputs, .outputsByInputs] {
      let isInputsFirst = layout == .inputsByOutputs
      let weights = isInputsFirst ? Weights(inputs, outputs, seed: 1) : Weights(outputs, inputs, seed: 1)
      defer { withExtendedLifetime(weights) {} }
      let w = weights.held(isBF16: isBF16), bias = matrix(1, outputs, 4)
      #expect(w.isBF16 == isBF16)
      // Strides of x and y of their own, which copies have to undo.
      for padding in [0, 3] {
        let x = matrix(tokens, inputs, 2, padding: padding), y = matrix(tokens, outputs, 5, padding: padding)
        let dy = matrix(tokens, outputs, 3, padding: padding), dx = matrix(tokens, inputs, 6, padding: padding)
        for bias in [nil, bias] {
          y.fill(.nan)
          w.multiply(x, layout, bias: bias, into: y)
          let expected = reference(x, w, layout, bias: bias, roundsInput: isBF16)
          #expect(largestDifference(y.array(), expected) < roundings(inputs), "\(layout) padding \(padding)")
        }
        dx.fill(.nan)
        w.multiplyTransposed(dy, layout, into: dx)
        let back = reference(
          dy, w, isInputsFirst ? .outputsByInputs : .inputsByOutputs, bias: nil, roundsInput: isBF16)
        #expect(largestDifference(dx.array(), back) < roundings(outputs), "back \(layout) padding \(padding)")
        y.fill(.nan)
        w.multiplyExactly(x, layout, into: y)
        #expect(
          largestDifference(y.array(), reference(x, w, layout, bias: nil, roundsInput: false)) < roundings(inputs),
          "exactly \(layout) padding \(padding)")
      }
    }
  }

  @Test(
    arguments: [
      (1, 300, 200), (3, 64, 700), (40, 100, 130), (257, 90, 70), (530, 70, 300), (40, 2100, 129), (300, 1100, 257),
    ],
    [false, true])
  func anyNumberOfThreadsGivesTheSameBits(sizes: (Int, Int, Int), isBF16: Bool) {
    let (tokens, inputs, outputs) = sizes
    for layout in [FrozenMatrix.Layout.inputsByOutputs, .outputsByInputs] {
      let weights = layout == .inputsByOutputs ? Weights(inputs, outputs, seed: 1) : Weights(outputs, inputs, seed: 1)
      defer { withExtendedLifetime(weights) {} }
      let w = weights.held(isBF16: isBF16), x = matrix(tokens, inputs, 2), bias = matrix(1, outputs, 3)
      let y = matrix(tokens, outputs, 4)
      let results = [1, 2, 3, 5, 16].map { threads in
        y.fill(.nan)
        withThreads(threads) { w.multiply(x, layout, bias: bias, into: y) }
        return y.array().map(\.bitPattern)
      }
      #expect(results.allSatisfy { $0 == results[0] }, "\(layout)")
    }
  }

  /// What a processor without products of bf16 does, against what this one does.
  @Test(arguments: [(5, 40, 30), (70, 4100, 20), (33, 50, 300)])
  func panelsGiveWhatBF16ProductsGive(sizes: (Int, Int, Int)) {
    let (tokens, inputs, outputs) = sizes
    for isTransposed in [false, true] {
      let weights = isTransposed ? Weights(outputs, inputs, seed: 1) : Weights(inputs, outputs, seed: 1)
      defer { withExtendedLifetime(weights) {} }
      let base = weights.rounded
      let product = FrozenProduct(
        numbers: .bf16(base), inner: inputs, columns: outputs, isTransposed: isTransposed)
      let x = matrix(tokens, inputs, 2), bias = matrix(1, outputs, 3)
      let y = matrix(tokens, outputs, 4), panels = matrix(tokens, outputs, 4)
      product.run(x, bias: bias, into: y)
      for threads in [1, 3] {
        panels.fill(.nan)
        withThreads(threads) { product.multiplyByPanels(x, base, bias, into: panels) }
        // The same operands, summed in another order.
        #expect(largestDifference(panels.array(), y.array().map(Double.init)) < roundings(inputs), "\(isTransposed)")
      }
    }
  }

  /// Where a library cuts by the number of threads, no row may depend on the rows beside it.
  @Test(
    .enabled(if: ProductLibrary.current == .oneDNN, "OpenBLAS's products are cut by their shape alone"),
    arguments: ProductLibrary.multipliesBF16 ? [false, true] : [false])
  func rowsOfAPlannedProductDoNotDependOnEachOther(isBF16: Bool) {
    for layout in [FrozenMatrix.Layout.inputsByOutputs, .outputsByInputs] {
      let weights = layout == .inputsByOutputs ? Weights(96, 130, seed: 1) : Weights(130, 96, seed: 1)
      defer { withExtendedLifetime(weights) {} }
      let w = weights.held(isBF16: isBF16), x = matrix(150, 96, 2), y = matrix(150, 130, 3)
      w.multiply(x, layout, into: y)
      for height in [16, 37, 64, 100] {
        for start in stride(from: 0, through: 150 - height, by: 13) {
          let rows = start..<start + height, part = matrix(height, 130, 4)
          w.multiply(x.rows(rows), layout, into: part)
          #expect(part.array() == y.rows(rows).array(), "\(layout) rows \(rows)")
        }
      }
    }
  }

  @Test func numbersAreRoundedToTheNearestTiesToEven() {
    let cases: [(Float, UInt16)] = [
      (0, 0), (-0.0, 0x8000), (1, 0x3f80), (Float(bitPattern: 0x3f80_8000), 0x3f80),
      (Float(bitPattern: 0x3f81_8000), 0x3f82), (Float(bitPattern: 0x3f80_8001), 0x3f81),
      (Float(bitPattern: 0x0000_8001), 0x0001), (.infinity, 0x7f80), (-.infinity, 0xff80),
      (.greatestFiniteMagnitude, 0x7f80),
    ]
    var y = [UInt16](repeating: 0, count: cases.count)
    ck_round_bf16(1, cases.count, cases.map(\.0), cases.count, &y)
    #expect(y == cases.map(\.1))
    var nan = UInt16()
    ck_round_bf16(1, 1, [Float(bitPattern: 0x7f80_0001)], 1, &nan)
    #expect(nan & 0x7f80 == 0x7f80 && nan & 0x7f != 0)
  }

  @Test(arguments: awkwardSizes) func sumsAreRoundedInOnePass(count: Int) {
    let x = numbers(count), y = numbers(count, 1), exact = zip(x, y).map { $0 + $1 }
    var sums = y, expected = exact
    sums.withUnsafeMutableBufferPointer { $0.baseAddress?.add(x, count: count, roundedTo: .bf16) }
    expected.withUnsafeMutableBufferPointer { $0.baseAddress?.copy(exact, count: count, roundedTo: .bf16) }
    #expect(sums == expected && sums.allSatisfy { $0.bitPattern & 0xffff == 0 })
    var halves = [UInt16](repeating: 1, count: count), again = x
    halves.withUnsafeMutableBufferPointer { $0.baseAddress?.copy(sums, count: count) }
    again.withUnsafeMutableBufferPointer { $0.baseAddress?.copy(halves, count: count) }
    #expect(again == expected)
  }

  @Test(arguments: [false, true])
  func tablesAndSquaresSeeTheHeldNumbers(isBF16: Bool) {
    let weights = Weights(130, 5, seed: 1)
    defer { withExtendedLifetime(weights) {} }
    let table = weights.held(isBF16: isBF16), held = table.array()
    let rows: [Int32] = (0..<100).map { $0 * 7 % 130 }
    let y = matrix(100, 5, 2)
    table.lookUp(rows, scale: 2, into: y)
    table.addRows(at: rows, to: y)
    #expect(y.array() == rows.flatMap { row in held[Int(row) * 5..<Int(row) * 5 + 5].map { 2 * $0 + $0 } })
    let columns = matrix(5, 3, 3)
    table.lookUpTransposed([3, 129, 0], into: columns)
    #expect(columns.array() == (0..<5).flatMap { column in [3, 129, 0].map { held[$0 * 5 + column] } })
    let squares = table.outputSquares(.outputsByInputs), sums = table.outputSquares(.inputsByOutputs)
    for row in 0..<130 {
      let expected = held[row * 5..<row * 5 + 5].reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(abs(Double(squares[row]) - expected) < roundings(5))
    }
    for column in 0..<5 {
      let expected = (0..<130).reduce(0.0) { $0 + Double(held[$1 * 5 + column]) * Double(held[$1 * 5 + column]) }
      #expect(abs(Double(sums[column]) - expected) < roundings(130))
    }
  }

  @Test func aMatrixThatStartsToTrainKeepsItsNumbers() {
    let weights = Weights(6, 4, seed: 1)
    defer { withExtendedLifetime(weights) {} }
    let frozen = weights.held(isBF16: true), before = frozen.array(), other = frozen.another()
    let memory = workspace.matrix(6, 4)
    frozen.move(to: memory)
    #expect(!frozen.isBF16 && frozen.array() == before && memory.array() == before)
    #expect(other.isBF16 && other.array() == before)
  }
}
