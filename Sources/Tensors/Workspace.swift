import Glibc

/// Memory for the activations of a pass: taken from the front, given back all at once or down to a mark.
///
/// A pass takes what it needs in order; nothing is freed one by one, so a step allocates nothing once the workspace has
/// grown to the largest pass seen, and it holds no more than that pass needs. Views stay valid until ``release(to:)`` or
/// ``reset()`` passes below them.
public final class Workspace {
  /// A place to go back to.
  public struct Mark { fileprivate let chunk, used, taken: Int }

  private var chunks: [UnsafeMutableBufferPointer<Float>] = []
  private var chunk = 0
  private var used = 0
  /// Numbers taken now, and at most at a time: without what is left over at the ends of chunks.
  private var taken = 0, most = 0
  private let minimumChunk: Int

  /// - Parameter minimumChunk: Elements to ask of the system at least, at a time.
  public init(minimumChunk: Int = 1 << 20) { self.minimumChunk = minimumChunk }

  deinit { free() }

  /// Bytes held.
  public var byteCount: Int { chunks.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.stride }

  /// Bytes taken at a time, at most so far.
  public var peakByteCount: Int { most * MemoryLayout<Float>.stride }

  /// A view of fresh, uninitialised memory on a 64-byte boundary.
  public func matrix(_ rows: Int, _ columns: Int) -> Matrix {
    Matrix(base: take(rows * columns), rows: rows, columns: columns)
  }

  /// `count` uninitialised numbers on a 64-byte boundary.
  public func floats(_ count: Int) -> UnsafeMutablePointer<Float> { take(count) }

  /// Where the workspace stands.
  public func mark() -> Mark { Mark(chunk: chunk, used: used, taken: taken) }

  /// Gives back everything taken since `mark`.
  public func release(to mark: Mark) { (chunk, used, taken) = (mark.chunk, mark.used, mark.taken) }

  /// Gives everything back, and joins the chunks of a workspace that had to grow into one of the size it needed.
  public func reset() {
    if chunks.count > 1 {
      free()
      chunks = [Self.allocate(most)]
    }
    (chunk, used, taken) = (0, 0, 0)
  }

  private func take(_ count: Int) -> UnsafeMutablePointer<Float> {
    let padded = (max(count, 1) + 15) & ~15
    while chunk < chunks.count, used + padded > chunks[chunk].count {
      chunk += 1
      used = 0
    }
    if chunk == chunks.count { chunks.append(Self.allocate(max(padded, minimumChunk))) }
    defer {
      used += padded
      taken += padded
      most = max(most, taken)
    }
    return chunks[chunk].baseAddress! + used
  }

  // MARK: The system's memory

  private func free() {
    for chunk in chunks { munmap(chunk.baseAddress!, chunk.count * MemoryLayout<Float>.stride) }
    chunks = []
  }

  /// Whole pages of the system's: what is never touched takes no memory, and what is freed is the system's again, where
  /// malloc would keep it.
  private static func allocate(_ count: Int) -> UnsafeMutableBufferPointer<Float> {
    let byteCount = count * MemoryLayout<Float>.stride
    let base = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base, base != MAP_FAILED else { fatalError("the system has no \(byteCount) bytes more for activations") }
    return UnsafeMutableBufferPointer(start: base.bindMemory(to: Float.self, capacity: count), count: count)
  }
}
