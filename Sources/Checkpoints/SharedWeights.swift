import MessagePassing
import Tensors

/// A model's frozen numbers, held once for a group of ranks of a node, mostly all of them.
///
/// Tensors that the file stores as they are held are used where they lie in the mapped file, whose pages the ranks of a
/// node share. Others are converted tensor by tensor, shared out among the node's ranks, into an MPI shared-memory
/// window: exactly to fp32, rounded to nearest even to bf16.
public final class SharedWeights {
  /// A tensor to load: the model's name for it, and the file's.
  public struct Entry: Sendable {
    public let name: String
    public let fileName: String
    public let shape: [Int]

    public init(name: String, fileName: String, shape: [Int]) {
      (self.name, self.fileName, self.shape) = (name, fileName, shape)
    }

    public var count: Int { shape.reduce(1, *) }

    /// Bytes that hold it in a precision.
    public func byteCount(_ precision: Precision) -> Int { count * precision.holding(shape: shape).byteCount }
  }

  /// Memory in the window for one tensor.
  private enum Place {
    case fp32(UnsafeMutableBufferPointer<Float>)
    case bf16(UnsafeMutableBufferPointer<UInt16>)

    init(_ bytes: UnsafeMutableRawBufferPointer, _ precision: Precision) {
      switch precision {
      case .fp32: self = .fp32(bytes.bindMemory(to: Float.self))
      case .bf16: self = .bf16(bytes.bindMemory(to: UInt16.self))
      }
    }

    var numbers: FrozenNumbers {
      switch self {
      case .fp32(let floats): .fp32(floats.baseAddress!)
      case .bf16(let bfloats): .bf16(UnsafePointer(bfloats.baseAddress!))
      }
    }
  }

  /// How arrays of two or more axes are held; others are fp32.
  public let precision: Precision
  /// Bytes that all ranks of the node share.
  public let byteCount: Int
  private let source: (any TensorSource)?
  private var window: SharedWindow?
  private var places: [String: FrozenNumbers] = [:]

  /// Loads `entries` from `source`. Collective over `node`, ranks of one machine.
  ///
  /// - Parameter isCopied: Whether the group has all numbers in memory of its own, those that could be mapped too.
  /// - Throws: ``SafetensorsError`` or `MPIError`.
  public init(
    _ entries: [Entry], from source: any TensorSource, node: Communicator, precision: Precision = .fp32,
    isCopied: Bool = false
  ) throws {
    (self.source, self.precision) = (source, precision)
    byteCount = entries.reduce(0) { $0 + $1.byteCount(precision) }
    var converted: [Entry] = []
    for entry in entries {
      if !isCopied, let numbers = try Self.mapped(entry, in: source, precision) {
        places[entry.name] = numbers
      } else {
        converted.append(entry)
      }
    }
    guard !converted.isEmpty else { return }
    try fillWindow(converted, node: node) { entry, place in
      switch place {
      case .fp32(let floats): try source.copyFloats(entry.fileName, into: floats)
      case .bf16(let bfloats): try source.copyBFloats(entry.fileName, into: bfloats)
      }
    }
  }

  /// Makes `entries` without a file, by calling `fill` for each; the node's ranks share the work.
  ///
  /// - Parameter fill: Sets fp32 numbers that round to finite ones. Where these are held in bf16, they are rounded tensor
  ///   by tensor, so that a rank has one tensor in fp32 at a time.
  public init(
    _ entries: [Entry], node: Communicator, precision: Precision = .fp32,
    fill: (Entry, UnsafeMutableBufferPointer<Float>) throws -> Void
  ) throws {
    (source, self.precision) = (nil, precision)
    byteCount = entries.reduce(0) { $0 + $1.byteCount(precision) }
    try fillWindow(entries, node: node) { entry, place in
      switch place {
      case .fp32(let floats): try fill(entry, floats)
      case .bf16(let bfloats):
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: entry.count)
        defer { floats.deallocate() }
        try fill(entry, floats)
        let isFinite = HalfPrecision.round(float32: UnsafeRawBufferPointer(floats), into: bfloats)
        precondition(isFinite, "\(entry.name) holds a number beyond bfloat16")
      }
    }
  }

  /// Where a tensor lies in the mapped file, if it is stored as it is held.
  private static func mapped(
    _ entry: Entry, in source: any TensorSource, _ precision: Precision
  ) throws -> FrozenNumbers? {
    switch precision.holding(shape: entry.shape) {
    case .fp32: try source.floats(entry.fileName)?.baseAddress.map { .fp32(UnsafeMutablePointer(mutating: $0)) }
    case .bf16: try source.bfloats(entry.fileName)?.baseAddress.map { .bf16($0) }
    }
  }

  private func fillWindow(_ entries: [Entry], node: Communicator, _ fill: (Entry, Place) throws -> Void) throws {
    let alignment = 64
    let offsets = entries.reduce(into: [0]) {
      $0.append(($0.last! + $1.byteCount(precision) + alignment - 1) & ~(alignment - 1))
    }
    let window = try SharedWindow(byteCount: offsets.last!, on: node)
    for (number, (entry, offset)) in zip(entries, offsets).enumerated() {
      let bytes = UnsafeMutableRawBufferPointer(rebasing: window.bytes[offset...].prefix(entry.byteCount(precision)))
      let place = Place(bytes, precision.holding(shape: entry.shape))
      if number % node.size == node.rank { try fill(entry, place) }
      places[entry.name] = place.numbers
    }
    try window.synchronize()
    self.window = window
  }

  /// Where a tensor's numbers lie: read-only, and valid until ``free()``.
  public func numbers(_ name: String) -> FrozenNumbers {
    guard let numbers = places[name] else { preconditionFailure("\(name) was not loaded") }
    return numbers
  }

  /// Gives the shared memory back. Collective; call before MPI ends.
  public func free() throws {
    try window?.free()
    window = nil
  }
}
