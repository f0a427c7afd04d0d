import Tensors
import Testing

struct MatrixTests {
  @Test func viewsShareMemoryAndKeepTheirStride() {
    let workspace = Workspace(minimumChunk: 64)
    let whole = workspace.matrix(4, 6)
    for row in 0..<4 { for column in 0..<6 { whole[row, column] = Float(10 * row + column) } }
    let part = whole.rows(1..<3).columns(2..<5)
    #expect(part.rows == 2 && part.columns == 3 && part.stride == 6 && part.count == 6)
    #expect(part.array() == [12, 13, 14, 22, 23, 24])
    #expect(!part.isContiguous && whole.isContiguous && whole.rows(2..<4).isContiguous)
    #expect(part.rows(0..<1).isContiguous)  // one row lies end to end whatever its stride
    #expect(part.shape == "(2, 3)")
    part.fill(-1)
    let expected = (0..<24).map { index -> Float in
      let (row, column) = (index / 6, index % 6)
      return (1..<3).contains(row) && (2..<5).contains(column) ? -1 : Float(10 * row + column)
    }
    #expect(whole.array() == expected)
    withExtendedLifetime(workspace) {}
  }

  @Test func copyAndAddWorkOnWholeShapes() {
    let workspace = Workspace(minimumChunk: 64)
    let wide = workspace.matrix(3, 5), narrow = workspace.matrix(3, 2)
    for (index, _) in wide.array().enumerated() { wide.base[index] = Float(index) }
    narrow.copy(from: wide.columns(1..<3))
    #expect(narrow.array() == [1, 2, 6, 7, 11, 12])
    narrow.add(narrow)
    #expect(narrow.array() == [2, 4, 12, 14, 22, 24])
    wide.columns(3..<5).copy(from: narrow)
    #expect(wide.rows(2..<3).array() == [10, 11, 12, 22, 24])
    withExtendedLifetime(workspace) {}
  }

  @Test func aContiguousViewHasItsNumbersInRowsOfAnotherLength() {
    let workspace = Workspace(minimumChunk: 64)
    let whole = workspace.matrix(4, 6)
    for index in 0..<24 { whole.base[index] = Float(index) }
    let tall = whole.rows(1..<3).reshaped(columns: 4)
    #expect(tall.rows == 3 && tall.columns == 4 && tall.isContiguous)
    #expect(tall.array() == (6..<18).map(Float.init))
    tall[0, 1] = -1
    #expect(whole[1, 1] == -1)
    #expect(workspace.matrix(0, 6).reshaped(columns: 4).rows == 0)
    withExtendedLifetime(workspace) {}
  }

  @Test(arguments: [FrozenMatrix.Layout.inputsByOutputs, .outputsByInputs])
  func outputSquaresAreSumsOverInputs(layout: FrozenMatrix.Layout) {
    let workspace = Workspace(minimumChunk: 64), inputs = 5, outputs = 3
    let isTransposed = layout == .outputsByInputs
    let stored = isTransposed ? workspace.matrix(outputs, inputs) : workspace.matrix(inputs, outputs)
    for (index, value) in numbers(stored.count).enumerated() { stored.base[index] = value }
    let frozen = FrozenMatrix(stored)
    let expected = (0..<outputs).map { o in
      (0..<inputs).reduce(0) { sum, i in
        let weight = Double(isTransposed ? stored[o, i] : stored[i, o])
        return sum + weight * weight
      }
    }
    #expect(largestDifference(frozen.outputSquares(layout), expected) < 5e-6)  // five squares below 9
    withExtendedLifetime(workspace) {}
  }

  @Test func numbersThatMoveAreCopiedOnce() {
    let workspace = Workspace(minimumChunk: 64), first = workspace.matrix(2, 3), second = workspace.matrix(2, 3)
    first.fill(1)
    let frozen = FrozenMatrix(first), other = frozen.another()
    frozen.move(to: second)
    second[1, 2] = 5
    #expect(frozen.array() == [1, 1, 1, 1, 1, 5])
    #expect(other.array() == [1, 1, 1, 1, 1, 1] && first.array() == other.array())
  }

  @Test func emptyViewsAreAllowed() {
    let workspace = Workspace(minimumChunk: 16)
    let empty = workspace.matrix(0, 5)
    empty.fill(1)
    #expect(empty.array().isEmpty && empty.count == 0 && empty.elements.isEmpty)
    #expect(workspace.matrix(4, 3).rows(2..<2).array().isEmpty)
  }
}
