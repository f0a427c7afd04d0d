import Tensors
import Testing

/// A workspace grows to what the largest pass takes, and no further.
struct WorkspaceTests {
  @Test(arguments: awkwardSizes) func memoryStartsOnCacheLines(count: Int) {
    let workspace = Workspace(minimumChunk: 256)
    for _ in 0..<5 { #expect(Int(bitPattern: workspace.floats(count)) % 64 == 0) }
    #expect(Int(bitPattern: workspace.matrix(3, count).base) % 64 == 0)
  }

  @Test func viewsDoNotOverlap() {
    let workspace = Workspace(minimumChunk: 64)
    let views = (0..<20).map { workspace.matrix($0, 7) }  // more than one chunk
    for (index, view) in views.enumerated() { view.fill(Float(index)) }
    for (index, view) in views.enumerated() { #expect(view.array().allSatisfy { $0 == Float(index) }) }
    withExtendedLifetime(workspace) {}
  }

  @Test func aMarkGivesBackWhatWasTakenSince() {
    let workspace = Workspace(minimumChunk: 64)
    let kept = workspace.floats(10)
    let mark = workspace.mark()
    let first = workspace.floats(20)
    _ = workspace.floats(1000)  // a chunk of its own
    workspace.release(to: mark)
    #expect(workspace.floats(20) == first)
    #expect(first != kept)
    let bytes = workspace.byteCount
    _ = workspace.floats(1000)
    #expect(workspace.byteCount == bytes)
  }

  @Test func repeatedPassesAllocateNothing() {
    let workspace = Workspace(minimumChunk: 64)
    func pass() {
      let mark = workspace.mark()
      for size in [100, 3, 5000, 17] { workspace.matrix(2, size).fill(1) }
      workspace.release(to: mark)
      for size in [50, 900] { workspace.matrix(1, size).fill(2) }
      workspace.reset()
    }
    pass()
    let bytes = workspace.byteCount
    let start = workspace.floats(1)
    workspace.reset()
    for _ in 0..<10 { pass() }
    #expect(workspace.byteCount == bytes)
    #expect(workspace.floats(1) == start)
  }

  /// Bytes of so many numbers on 64-byte boundaries.
  private func bytes(_ counts: Int...) -> Int { counts.reduce(0) { $0 + ($1 * 4 + 63) & ~63 } }

  @Test func theLargestPassIsHeldInOnePiece() {
    let workspace = Workspace(minimumChunk: 64)
    for count in [50, 20, 60] { _ = workspace.floats(count) }
    // What is left over at the ends of pieces is not taken.
    #expect(workspace.peakByteCount == bytes(50, 20, 60) && workspace.byteCount > workspace.peakByteCount)
    workspace.reset()
    #expect(workspace.byteCount == bytes(50, 20, 60))
    let first = workspace.floats(50)
    _ = workspace.floats(20)
    #expect(UnsafeRawPointer(workspace.floats(60)) - UnsafeRawPointer(first) == bytes(50, 20))
    workspace.reset()
    _ = workspace.floats(10)
    workspace.reset()
    #expect(workspace.byteCount == bytes(50, 20, 60) && workspace.peakByteCount == bytes(50, 20, 60))
  }

  @Test func whatIsGivenBackIsNotNeededTwice() {
    let workspace = Workspace(minimumChunk: 64)
    _ = workspace.floats(40)
    let mark = workspace.mark()
    for count in [200, 100] {
      _ = workspace.floats(count)
      workspace.release(to: mark)
    }
    #expect(workspace.peakByteCount == bytes(40, 200))
    workspace.reset()
    #expect(workspace.byteCount == bytes(40, 200))
  }
}
