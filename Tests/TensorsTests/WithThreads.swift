import Foundation
import Tensors

private let turn = NSLock()

/// Does something with so many threads. Tests on other threads work by themselves meanwhile.
func withThreads(_ count: Int, _ body: () -> Void) {
  turn.lock()
  defer { turn.unlock() }
  Threads.setCount(count)
  body()
  Threads.setCount(1)
}
