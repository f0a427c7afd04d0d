import Foundation
import Tensors

/// A number for each head and each distance of a key from a query, key place less query place, up to `reach` both ways.
struct DistanceBias {
  /// (heads, 2 reach + 1).
  let values: Matrix
  let reach: Int

  init(headCount: Int, reach: Int, _ memory: Workspace) {
    values = memory.matrix(headCount, 2 * reach + 1)
    self.reach = reach
  }

  /// A head's numbers, for scores whose first row's query has the key at column `first` at its own place.
  func row(head: Int, first: Int) -> DistanceRow { DistanceRow(values.rows(head..<head + 1), origin: reach - first) }
}

/// T5's positions (Raffel et al. 2020, section 2.1): a learnt number for each head and bucket of distances, added to
/// the attention scores of every layer of a stack.
///
/// Half of a direction's buckets stand for one distance each, the others for ranges that grow logarithmically up to
/// ``maximumDistance``; the last has all beyond. An encoder's buckets are halved between the two directions, a
/// decoder's all look back.
final class RelativePositionBias {
  /// (buckets, heads).
  let table: Parameter
  let maximumDistance: Int
  let isBidirectional: Bool
  /// The bucket of each distance from -reach to reach, for the largest reach asked for so far.
  private var buckets: [Int32] = []

  init(table: Parameter, maximumDistance: Int, isBidirectional: Bool) {
    (self.table, self.maximumDistance, self.isBidirectional) = (table, maximumDistance, isBidirectional)
  }

  private var headCount: Int { table.shape[1] }

  /// The biases of all distances up to `reach`, in `memory`.
  func values(reach: Int, _ memory: Workspace) -> DistanceBias {
    let result = DistanceBias(headCount: headCount, reach: reach, memory)
    table.matrix.lookUpTransposed(buckets(reach: reach), into: result.values)
    return result
  }

  /// Adds the table's gradient, if trained.
  func addGradient(_ d: DistanceBias) {
    table.gradient?.addTransposedRows(d.values, at: buckets(reach: d.reach))
  }

  private func buckets(reach: Int) -> ArraySlice<Int32> {
    if buckets.count < 2 * reach + 1 {
      // Generation asks for one distance more each time.
      let most = max(reach, buckets.count)
      buckets = (-most...most).map { Int32(bucket(distance: $0)) }
    }
    return buckets[buckets.count / 2 - reach...buckets.count / 2 + reach]
  }

  /// The bucket of a key `distance` places behind its query.
  func bucket(distance: Int) -> Int {
    let count = isBidirectional ? table.shape[0] / 2 : table.shape[0]
    let start = isBidirectional && distance > 0 ? count : 0
    let size = isBidirectional ? abs(distance) : max(-distance, 0)
    let exactCount = count / 2
    guard size >= exactCount else { return start + size }
    // In fp32 as in the reference implementation, where rounding decides at a range's edge.
    let share = log(Float(size) / Float(exactCount)) / Float(log(Double(maximumDistance) / Double(exactCount)))
    return start + min(exactCount + Int(share * Float(count - exactCount)), count - 1)
  }
}
