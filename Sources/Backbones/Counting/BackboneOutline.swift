import Glibc
import Tensors

/// A backbone's structure without its numbers, to count what a pass of it takes and computes.
///
/// Its arrays all lie in one piece of address space that reads as zeros and takes no memory.
public final class BackboneOutline {
  public let backbone: any Backbone
  private let base: UnsafeMutableRawPointer
  private let byteCount: Int

  /// - Parameter precision: How the frozen arrays would be held.
  public init(_ configuration: any BackboneConfiguration, precision: Precision) {
    let shapes = configuration.parameterShapes
    let count = shapes.map { $0.shape.reduce(1, *) }.max() ?? 1
    byteCount = max(count, 1) * MemoryLayout<Float>.stride
    let memory = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory, memory != MAP_FAILED else { fatalError("no address space for \(byteCount) bytes") }
    base = memory
    let holdings = Dictionary(uniqueKeysWithValues: shapes.map { ($0.name, precision.holding(shape: $0.shape)) })
    backbone = configuration.makeBackbone { name in
      switch holdings[name] {
      case .bf16: .bf16(UnsafePointer(memory.assumingMemoryBound(to: UInt16.self)))
      default: .fp32(memory.assumingMemoryBound(to: Float.self))
      }
    }
  }

  deinit { munmap(base, byteCount) }
}
