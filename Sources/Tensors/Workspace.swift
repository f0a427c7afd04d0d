/// Memory for the activations of a pass: taken from the front, given back all at once or down to a mark.
///
/// A pass takes what it needs in order; nothing is freed one by one, so a step allocates nothing once the workspace has
/// grown to the largest pass seen. Views stay valid until ``release(to:)`` or ``reset()`` passes below them.
public final class Workspace {
  /// A place to go back to.
  public struct Mark { fileprivate let chunk, used: Int }

  private var chunks: [UnsafeMutableBufferPointer<Float>] = []
  private var chunk = 0
  private var used = 0
  private let minimumChunk: Int

  /// - Parameter minimumChunk: Elements to ask of the system at least, at a time.
  public init(minimumChunk: Int = 1 << 20) { self.minimumChunk = minimumChunk }

  deinit { for chunk in chunks { chunk.deallocate() } }

  /// Bytes held.
  public var byteCount: Int { chunks.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride }

  /// A view of fresh, uninitialised memory on a 64-byte boundary.
  public func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(base: take(rows * columns), rows: rows, columns: columns)
  }

  /// `count` uninitialised numbers on a 64-byte boundary.
  public func floats(_ count: Int) -> UnsafeMutablePointer<Float> { take(count) }

  /// Where the workspace stands.
  public func mark() -> Mark { Mark(chunk: chunk, used: used) }

  /// Gives back everything taken since `mark`.
  public func release(to mark: Mark) {
    chunk = mark.chunk
    used = mark.used
  }

  /// Gives everything back, and joins the chunks of a workspace that had to grow into one.
  public func reset() {
    if chunks.count > 1 {
      let total = chunks.reduce(0) { $0 + $1.count }
      for chunk in chunks { chunk.deallocate() }
      chunks = [Self.allocate(total)]
    }
    chunk = 0
    used = 0
  }

  private func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let padded = (max(count, 1) + 15) & ~15
    while chunk < chunks.count, used + padded > chunks[chunk].count {
      chunk += 1
      used = 0
    }
    if chunk == chunks.count { chunks.append(Self.allocate(max(padded, minimumChunk))) }
    defer { used += padded }
    return chunks[chunk].baseAddress! + used
  }

  private static func allocate(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: count * MemoryLayout<Float>.stride, alignment: 64)
    return raw.bindMemory(to: Float.self)
  }
}
