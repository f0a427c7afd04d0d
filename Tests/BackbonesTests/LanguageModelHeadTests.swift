import Foundation
import Tensors
import Testing

@testable import Backbones

/// The output projection and its loss, on more rows than are projected at a time.
@Test(arguments: [1, 127, 300], [true, false])
func theLossOfManyRowsAgreesWithALoop(rowCount: Int, isTrained: Bool) {
  let (width, vocabulary) = (5, 11)
  let workspace = Workspace()
  func numbers(_ rows: Int, _ columns: Int, _ seed: UInt64) -> Matrix {
    let matrix = workspace.matrix(rows, columns)
    RandomKey(seed: seed).fillNormal(matrix.elements, standardDeviation: 1)
    return matrix
  }
  let h = numbers(rowCount, width, 1), table = numbers(vocabulary, width, 2)
  let weight = Parameter(name: "lm_head.weight", shape: [vocabulary, width], numbers: .fp32(table.base))
  let values = numbers(vocabulary, width, 3), gradient = workspace.matrix(vocabulary, width)
  gradient.fill(0)
  if isTrained { weight.train(values: values.elements, gradient: gradient.elements) }
  let head = LanguageModelHead(weight: weight)
  let labels = (0..<rowCount).map { Int32($0 * 5 % vocabulary) }
  let dh = workspace.matrix(rowCount, width)
  dh.fill(.nan)
  var losses = [Double](repeating: .nan, count: rowCount), lossesAlone = losses
  let scratch = Workspace()
  var rows = Rows()
  rows.append(positions: 0..<Int32(rowCount), .init(example: 0, route: 0, ordinal: 0))
  let pass = Pass(rows, randomKey: nil, keepsActivations: true, saved: workspace, scratch: scratch)
  losses.withUnsafeMutableBufferPointer { head.loss(h, Truth(classes: labels[...]), losses: $0, dh: dh, pass) }
  lossesAlone.withUnsafeMutableBufferPointer { head.loss(h, Truth(classes: labels[...]), losses: $0, dh: nil, pass) }
  #expect(losses == lossesAlone)

  var expectedGradient = [Double](repeating: 0, count: vocabulary * width)
  for row in 0..<rowCount {
    let logits = (0..<vocabulary).map { token in
      (0..<width).reduce(0) { $0 + Double(h[row, $1]) * Double(table[token, $1]) }
    }
    let total = logits.reduce(0) { $0 + exp($1) }
    #expect(abs(losses[row] - (log(total) - logits[Int(labels[row])])) < 5e-6)  // logits up to 10
    var slopes = logits.map { exp($0) / total }
    slopes[Int(labels[row])] -= 1
    for column in 0..<width {
      let slope = (0..<vocabulary).reduce(0) { $0 + slopes[$1] * Double(table[$1, column]) }
      #expect(abs(Double(dh[row, column]) - slope) < 5e-6)
      for token in 0..<vocabulary { expectedGradient[token * width + column] += slopes[token] * Double(h[row, column]) }
    }
  }
  for (found, expected) in zip(gradient.array(), expectedGradient) {
    #expect(abs(Double(found) - (isTrained ? expected : 0)) < 1e-4)  // up to 300 terms of a few units
  }
}
