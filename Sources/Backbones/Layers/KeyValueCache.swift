import Tensors

/// Room that decoding needs.
public struct DecodingRoom: Sendable {
  /// Slots: one for each continuation that is decoded side by side.
  public let slotCount: Int
  /// Prompts, each of which some of the slots continue.
  public let promptCount: Int
  /// Tokens of the longest prompt, and new tokens behind it.
  public let promptLength, newTokenCount: Int

  public init(slotCount: Int, promptCount: Int, promptLength: Int, newTokenCount: Int) {
    (self.slotCount, self.promptCount) = (slotCount, promptCount)
    (self.promptLength, self.newTokenCount) = (promptLength, newTokenCount)
  }
}

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
  /// Keys and values of an encoder's states, a slot a prompt; nil in decoder-only models.
  let source: KeyValueCache?
  /// The slot in ``source`` that each slot reads.
  private(set) var sourceSlots: [Int]
  private let storage: UnsafeMutableBufferPointer<Float>

  public init(layerCount: Int, slotCount: Int, capacity: Int, width: Int, source: KeyValueCache? = nil) {
    self.layerCount = layerCount
    self.slotCount = slotCount
    self.capacity = capacity
    self.width = width
    self.source = source
    lengths = Array(repeating: 0, count: slotCount)
    sourceSlots = lengths
    storage = .allocate(capacity: 2 * layerCount * slotCount * capacity * width)
  }

  deinit { storage.deallocate() }

  /// Bytes held.
  public var byteCount: Int { storage.count * MemoryLayout<Float>.stride + (source?.byteCount ?? 0) }

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
    sourceSlots[target] = sourceSlots[source]
    let rows = 0..<lengths[source]
    for layer in 0..<layerCount {
      keys(layer, target).rows(rows).copy(from: keys(layer, source).rows(rows))
      values(layer, target).rows(rows).copy(from: values(layer, source).rows(rows))
    }
  }

  /// Makes a slot read what `sourceSlot` of ``source`` holds.
  func read(_ sourceSlot: Int, in slot: Int) { sourceSlots[slot] = sourceSlot }

  /// Counts new positions, once every layer has written them: each example's rows in its slot.
  func advance(_ slots: [Int], by rows: Rows) {
    for (place, segment) in rows.segments.enumerated() {
      lengths[slots[segment.example]] += rows.range(of: place).count
    }
  }
}
