import Foundation
import Testing

@testable import Tensors

/// What the kernel says of cores.
struct ProcessorCoresTests {
  @Test func listsOfCoresHaveNumbersAndRanges() {
    #expect(ProcessorCores.numbers("\t0-3,8\n") == [0, 1, 2, 3, 8])
    #expect(ProcessorCores.numbers("5") == [5])
    #expect(ProcessorCores.numbers("").isEmpty && ProcessorCores.numbers("x,3-1").isEmpty)
  }

  @Test func aQuotaIsWholeCores() {
    #expect(ProcessorCores.quota("250000 100000\n") == 2)
    #expect(ProcessorCores.quota("50000 100000") == 1)
    #expect(ProcessorCores.quota("max 100000") == nil && ProcessorCores.quota("") == nil)
  }

  @Test func thisProcessHasACore() {
    let cores = ProcessorCores.available
    #expect(!cores.isEmpty && cores.count <= ProcessInfo.processInfo.processorCount)
  }
}
