import MessagePassing

/// A model's frozen numbers, held once a node however many ranks run there.
///
/// Tensors stored as fp32 are used where they lie in the mapped file, whose pages the ranks of a node share. Others
/// (F16, BF16) are converted tensor by tensor, shared out among the node's ranks, into an MPI shared-memory window.
public final class SharedWeights {
  /// A tensor to load: the model's name for it, and the file's.
  public struct Entry: Sendable {
    public let name: String
    public let fileName: String
    public let count: Int

    public init(name: String, fileName: String, count: Int) {
      (self.name, self.fileName, self.count) = (name, fileName, count)
    }
  }

  /// Bytes that all ranks of the node share.
  public let byteCount: Int
  private let source: (any TensorSource)?
  private var window: SharedWindow?
  private var addresses: [String: UnsafeMutablePointer<Float>] = [:]

  /// Loads `entries` from `source`. Collective over `node`, the ranks of one machine.
  ///
  /// - Throws: ``SafetensorsError`` or `MPIError`.
  public init(_ entries: [Entry], from source: any TensorSource, node: Communicator) throws {
    self.source = source
    var converted: [Entry] = []
    for entry in entries {
      if let mapped = try source.floats(entry.fileName) {
        addresses[entry.name] = UnsafeMutablePointer(mutating: mapped.baseAddress!)
      } else {
        converted.append(entry)
      }
    }
    byteCount = entries.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride
    guard !converted.isEmpty else { return }
    try fillWindow(converted, node: node) { try source.copyFloats($0.fileName, into: $1) }
  }

  /// Makes `entries` without a file, by calling `fill` for each; the node's ranks share the work.
  public init(
    _ entries: [Entry], node: Communicator, fill: (Entry, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    source = nil
    byteCount = entries.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride
    try fillWindow(entries, node: node, fill)
  }

  private func fillWindow(
    _ entries: [Entry], node: Communicator, _ fill: (Entry, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    let alignment = 16  // floats: 64 bytes
    let offsets = entries.reduce(into: [0]) { $0.append(($0.last! + $1.count + alignment - 1) & ~(alignment - 1)) }
    let window = try SharedWindow(byteCount: offsets.last! * MemoryLayout<Float>.stride, on: node)
    let floats = window.bytes.bindMemory(to: Float.self)
    for (place, (entry, offset)) in zip(entries, offsets).enumerated() {
      let part = UnsafeMutableBufferPointer(rebasing: floats[offset..<offset + entry.count])
      if place % node.size == node.rank { try fill(entry, part) }
      addresses[entry.name] = part.baseAddress
    }
    try window.synchronize()
    self.window = window
  }

  /// Where a tensor's numbers lie: read-only, and valid until ``free()``.
  public func values(_ name: String) -> UnsafeMutablePointer<Float> {
    guard let address = addresses[name] else { preconditionFailure("\(name) was not loaded") }
    return address
  }

  /// Gives the shared memory back. Collective; call before MPI ends.
  public func free() throws {
    try window?.free()
    window = nil
  }
}
