import Foundation
import Tensors

/// Numbers of threads that must not change a byte: one, more, and odd ones.
public let threadCounts = [1, 2, 3, 5]

private let turn = NSLock()

/// Calls `body` while the calling thread shares its work with others; one caller at a time.
///
/// What other tests do meanwhile they do alone.
public func withThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
  turn.lock()
  defer {
    Threads.setCount(1)
    turn.unlock()
  }
  Threads.setCount(count)
  return try body()
}
