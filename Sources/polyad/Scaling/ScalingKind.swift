/// What stays the same while ranks become more.
enum ScalingKind: String {
  /// The batch and its parts: a training's own, of which more ranks make a step shorter.
  case strong
  /// What a rank computes: the batch grows with the ranks.
  case weak

  /// What is measured of a shape at each count of ranks, as `bench step` takes it for a rank.
  ///
  /// - Parameters:
  ///   - batch: Sequences a rank and the parts they are cut in: in strong scaling at the most ranks where they are a
  ///     multiple of the others, otherwise at the least common multiple of all.
  func batch(
    _ batch: (sequences: Int, parts: Int), rankCount: Int, among all: [Int]
  ) -> (sequences: Int, parts: Int) {
    let factor = self == .strong ? Self.leastCommonMultiple(all) / rankCount : 1
    return (batch.sequences * factor, batch.parts * factor)
  }

  static func leastCommonMultiple(_ numbers: [Int]) -> Int {
    func divisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : divisor(b, a % b) }
    return numbers.reduce(1) { $0 / divisor($0, $1) * $1 }
  }
}
