import Tensors

/// Keys and values of the positions decoded so far, a slot a sequence and a layer.
public final class KeyValueCache {
  public let layerCount: Int
  public let slotCount: Int
  /// Positions a slot can hold.
  public let capacity: Int
  /// Width of a key (and of a value), all heads.
  public let width: Int
  /// Positions each slot holds.
  public internal(set) var lengths: [Int]
  private let storage: UnsafeMutableBufferPointer<Float>

  public init(layerCount: Int, slotCount: Int, capacity: Int, width: Int) {
    self.layerCount = layerCount
    self.slotCount = slotCount
    self.capacity = capacity
    self.width = width
    lengths = Array(repeating: 0, count: slotCount)
    storage = .allocate(capacity: 2 * layerCount * slotCount * capacity * width)
  }

  deinit { storage.deallocate() }

  /// Bytes held.
  public var byteCount: Int { storage.count * MemoryLayout<Float>.stride }

  /// One slot's keys, (capacity, width).
  public func keys(_ layer: Int, _ slot: Int) -> Matrix { matrix(2 * layer, slot) }

  /// One slot's values, (capacity, width).
  public func values(_ layer: Int, _ slot: Int) -> Matrix { matrix(2 * layer + 1, slot) }

  private func matrix(_ plane: Int, _ slot: Int) -> Matrix {
    Matrix(
      base: storage.baseAddress! + (plane * slotCount + slot) * capacity * width, rows: capacity, columns: width)
  }

  /// Writes keys and values of new positions behind what the slot holds; ``advance(_:by:)`` makes them count.
  func append(layer: Int, slot: Int, keys newKeys: Matrix, values newValues: Matrix) {
    let range = lengths[slot]..<lengths[slot] + newKeys.rows
    keys(layer, slot).rows(range).copy(from: newKeys)
    values(layer, slot).rows(range).copy(from: newValues)
  }

  /// Gives one slot the positions that another holds, in place of its own.
  public func copy(_ source: Int, to target: Int) {
    lengths[target] = lengths[source]
    let rows = 0..<lengths[source]
    for layer in 0..<layerCount {
      keys(layer, target).rows(rows).copy(from: keys(layer, source).rows(rows))
      values(layer, target).rows(rows).copy(from: values(layer, source).rows(rows))
    }
  }

  /// Counts `count` more positions in the slot, once every layer has written them.
  func advance(_ slot: Int, by count: Int) { lengths[slot] += count }
}
