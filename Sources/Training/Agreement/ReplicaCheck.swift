import MessagePassing
import Tensors

/// Whether all ranks hold the same trained numbers, as every step must leave them.
struct ReplicaCheck {
  /// The first parameter that is not the same everywhere, and who has it otherwise.
  struct Finding: Sendable, Equatable {
    let parameter: String
    /// Ranks unlike most; where no version is most ranks', those unlike rank 0.
    let oddRanks: [Int]
    /// Whether most ranks hold the same, so that the others are known to be wrong.
    let isMajority: Bool
  }

  let parameters: TrainableParameters
  let ranks: Ranks

  /// Compares the ranks' numbers. Collective.
  ///
  /// - Returns: nil if they are the same, bit by bit.
  func finding() throws -> Finding? {
    guard ranks.count > 1 else { return nil }
    let whole = try ranks.world.allGather(Self.checksum(parameters.values))
    guard whole.contains(where: { $0 != whole[0] }) else { return nil }
    let own = parameters.entries.map { Self.checksum(parameters.values($0.name)) }
    let all = try ranks.world.allGather(own), count = own.count
    return Self.finding(
      (0..<ranks.count).map { Array(all[$0 * count..<($0 + 1) * count]) }, names: parameters.entries.map(\.name))
  }

  private static func checksum(_ values: UnsafeMutableBufferPointer<Float>) -> Int64 {
    Int64(bitPattern: Checksum.of(UnsafeRawBufferPointer(values)))
  }

  /// - Parameter checksums: Those of every parameter, rank by rank.
  static func finding(_ checksums: [[Int64]], names: [String]) -> Finding? {
    for (index, name) in names.enumerated() {
      let values = checksums.map { $0[index] }
      guard values.contains(where: { $0 != values[0] }) else { continue }
      let counts = Dictionary(values.map { ($0, 1) }, uniquingKeysWith: +)
      let most = counts.first { 2 * $0.value > values.count }?.key
      let odd = values.indices.filter { values[$0] != most ?? values[0] }
      return Finding(parameter: name, oddRanks: odd, isMajority: most != nil)
    }
    return nil
  }

  /// Throws unless the numbers are the same on all ranks. Collective.
  ///
  /// - Parameter checkpoint: The newest good one, for the error.
  /// - Throws: ``RunError/ranksDiffer(step:parameter:places:isMajority:checkpoint:)``, the same on all ranks.
  func require(step: Int, checkpoint: String?) throws {
    guard let found = try finding() else { return }
    let hosts = try ranks.world.allGatherV(Array(ranks.job.host.utf8)).map { String(decoding: $0, as: UTF8.self) }
    throw RunError.ranksDiffer(
      step: step, parameter: found.parameter, places: "\(RankPlaces(found.oddRanks, hosts: hosts))",
      isMajority: found.isMajority, checkpoint: checkpoint)
  }
}
