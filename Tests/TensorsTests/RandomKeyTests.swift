import Tensors
import Testing

struct RandomKeyTests {
  @Test func aKeyIsItsPath() {
    let root = RandomKey(seed: 3)
    #expect(root.child("dropout").child(7) == RandomKey(seed: 3).child("dropout").child(7))
    let others = [
      root, root.child(0), root.child(1), root.child("dropout"), root.child("noise"), root.child("dropout").child(1),
      root.child(1).child("dropout"), RandomKey(seed: 4), RandomKey(seed: 4).child(0), root.child(""),
    ]
    #expect(Set(others).count == others.count)
  }

  @Test func neighbouringChildrenAreSpreadOut() {
    // Half of 64 bits differ between two random words; over 1000 pairs the mean's standard error is 4/√1000.
    let keys = (0..<1001).map { RandomKey(seed: 0).child($0).value }
    let distance = zip(keys, keys.dropFirst()).map { ($0 ^ $1).nonzeroBitCount }.reduce(0, +)
    #expect(abs(Double(distance) / 1000 - 32) < 0.6)
  }

  @Test func uniformAndNormalFillsAreScaled() {
    var x = [Float](repeating: 0, count: 20_000)
    x.withUnsafeMutableBufferPointer { RandomKey(seed: 1).fillUniform($0, low: -2, high: 6) }
    #expect(x.allSatisfy { $0 >= -2 && $0 <= 6 })
    let mean = x.reduce(0.0) { $0 + Double($1) } / 20_000
    #expect(abs(mean - 2) < 4 * 2.31 / 141)  // four standard errors
    x.withUnsafeMutableBufferPointer { RandomKey(seed: 1).fillNormal($0, standardDeviation: 0.02) }
    let variance = x.reduce(0.0) { $0 + Double($1) * Double($1) } / 20_000
    #expect(abs(variance.squareRoot() - 0.02) < 4 * 0.02 / 200)
  }

  @Test func dropoutIsDrawnAgainFromTheSameKey() {
    let x = numbers(101), key = RandomKey(seed: 1).child("a")
    func drop(_ key: RandomKey) -> [Float] {
      var y = x
      key.dropout(x, into: &y, count: 101, rate: 0.5)
      return y
    }
    #expect(drop(key) == drop(key))
    #expect(drop(key) != drop(RandomKey(seed: 1).child("b")))
  }
}

struct TrainableParametersTests {
  @Test func parametersLieEndToEndInTheOrderOfDeclaration() {
    let parameters = TrainableParameters([
      .init(name: "b", shape: [2, 3]), .init(name: "a", shape: [4]), .init(name: "empty", shape: [0, 5]),
      .init(name: "scalar", shape: []),
    ])
    #expect(parameters.count == 11)
    #expect(parameters.entries.map(\.range) == [0..<6, 6..<10, 10..<10, 10..<11])
    #expect(parameters.entry("a")?.shape == [4] && parameters.entry("c") == nil)
    #expect(parameters.values.allSatisfy { $0 == 0 } && parameters.gradients.allSatisfy { $0 == 0 })
    #expect(Int(bitPattern: parameters.values.baseAddress!) % 64 == 0)

    let (values, gradient) = parameters.pair("b", rows: 2)
    values[1, 2] = 5
    gradient[0, 1] = 6
    parameters.values("a")[3] = 7
    #expect(parameters.values[5] == 5 && parameters.gradients[1] == 6 && parameters.values[9] == 7)
    #expect(parameters.gradient("b")[1] == 6)
    parameters.zeroGradients()
    #expect(parameters.gradients.allSatisfy { $0 == 0 } && parameters.values[5] == 5)
  }

  @Test func nothingToTrainIsSound() {
    let parameters = TrainableParameters([])
    #expect(parameters.count == 0 && parameters.entries.isEmpty)
    parameters.zeroGradients()
  }
}
