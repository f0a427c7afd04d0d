import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Checkpoints

struct LockFileTests {
  private func with(_ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { try body($0.appending(path: "lock")) }
  }

  @Test func oneOfManyCreatesIt() throws {
    try with { url in
      let winners = Mutex<[Int]>([])
      DispatchQueue.concurrentPerform(iterations: 16) { number in
        if (try? LockFile.create(url, mark: "mark\(number)", content: Data("mark\(number)".utf8))) != nil {
          winners.withLock { $0.append(number) }
        }
      }
      let winner = try #require(winners.withLock { $0.count == 1 ? $0[0] : nil })
      #expect(try LockFile.read(url) == Data("mark\(winner)".utf8))
    }
  }

  @Test func aFaultLeavesNoFile() throws {
    try with { url in
      try Data().write(to: url)
      #expect(throws: FileError(operation: "create", path: url.appending(path: "lock").path, code: ENOTDIR)) {
        try LockFile.create(url.appending(path: "lock"), mark: "a", content: Data("a".utf8))
      }
    }
  }

  @Test func itIsOwnUntilItIsGoneOrAnotherIsThere() throws {
    try with { url in
      let file = try #require(try LockFile.create(url, mark: "mine", content: Data("mine 0".utf8)))
      #expect(try file.presence() == .own)
      try file.overwrite(with: Data("mine 1".utf8))
      #expect(try file.presence() == .own && LockFile.read(url) == Data("mine 1".utf8))
      try FileManager.default.removeItem(at: url)
      #expect(try file.presence() == .missing && LockFile.read(url) == nil)
      try Data("other".utf8).write(to: url)
      #expect(try file.presence() == .other(Data("other".utf8)))
      // Neither writing nor removing it harms the other's.
      try file.overwrite(with: Data("mine 2".utf8))
      try file.remove()
      #expect(try LockFile.read(url) == Data("other".utf8))
    }
  }

  /// Whoever removes it creates another at once, which the rest must leave alone.
  @Test func oneOfManyRemovesWhatAllMean() throws {
    for _ in 0..<20 {
      try with { url in
        try Data("old".utf8).write(to: url)
        let removals = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: 8) { number in
          guard (try? LockFile.remove(url, where: { $0 == Data("old".utf8) })) == true else { return }
          removals.add(1, ordering: .relaxed)
          try? Data("new".utf8).write(to: url)
        }
        #expect(removals.load(ordering: .relaxed) == 1)
        #expect(try LockFile.read(url) == Data("new".utf8))
        let names = try FileManager.default.contentsOfDirectory(atPath: url.deletingLastPathComponent().path)
        #expect(names == ["lock"])
      }
    }
  }
}
