import Foundation
import TestSupport
import Testing
import Training

/// What a process holds alone, and what others have too.
struct MemoryUseTests {
  private static let byteCount = 64 << 20

  @Test func aProcesssOwnPagesCount() {
    let numbers = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.byteCount, alignment: 64)
    defer { numbers.deallocate() }
    _ = numbers.initializeMemory(as: UInt8.self, repeating: 1)
    #expect(MemoryUse.peakPrivateMiB >= 64)
    #expect(MemoryUse.peakResidentMiB >= MemoryUse.peakPrivateMiB)
  }
}
