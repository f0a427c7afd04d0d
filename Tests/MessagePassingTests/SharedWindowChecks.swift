import MessagePassing
import Testing

/// A shared window is one piece of memory for all ranks of the node.
struct SharedWindowChecks {
  let world: Communicator

  func run() throws {
    let node = try world.splitByNode()
    let count = 10_000
    // Only the first rank's size counts.
    let window = try SharedWindow(byteCount: node.rank == 0 ? count * 4 : 0, on: node)
    #expect(window.bytes.count == count * 4)
    #expect(Int(bitPattern: window.bytes.baseAddress) % 64 == 0)
    let numbers = window.bytes.bindMemory(to: Float.self)

    for writer in 0..<node.size {
      if node.rank == writer {
        for index in numbers.indices { numbers[index] = Float(writer * 100_000 + index) }
      }
      try window.synchronize()
      #expect(numbers.indices.allSatisfy { numbers[$0] == Float(writer * 100_000 + $0) })
      try window.synchronize()
    }
    try window.free()
    try window.free()
    try node.free()
  }
}
