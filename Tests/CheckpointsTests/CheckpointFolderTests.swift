import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// Writes good checkpoints of 8 bytes at the given steps.
private func writeCheckpoints(_ steps: [Int], in run: URL) throws {
  for step in steps {
    try AtomicFolder.write(to: CheckpointFolder(in: run, step: step).url, replaceExisting: false) {
      try write("\(step)-weight", to: $0.appending(path: "adapter.bin"))
    }
  }
}

private func file(_ run: URL, _ step: Int) -> URL {
  CheckpointFolder(in: run, step: step).url.appending(path: "adapter.bin")
}

@Test func checkpointsAreListedByStep() throws {
  try withTemporaryFolder { run in
    try writeCheckpoints([10, 9, 100], in: run)
    for name in ["checkpoint-x", "checkpoint-007", "checkpoint--1", "checkpoint-", "evaluation"] {
      try FileSystem.createFolder(run.appending(path: name))
    }
    try write("", to: run.appending(path: "checkpoint-5"))
    #expect(try CheckpointFolder.list(in: run).map(\.step) == [9, 10, 100])
    #expect(try CheckpointFolder.list(in: run.appending(path: "none")).isEmpty)
  }
}

@Test func verificationNamesTheFileAndWhatWasExpectedAndFound() throws {
  try withTemporaryFolder { run in
    try writeCheckpoints([1], in: run)
    let checkpoint = CheckpointFolder(in: run, step: 1)
    let path = file(run, 1).path
    try checkpoint.verify()
    try write("note", to: checkpoint.url.appending(path: "README.md"))
    try checkpoint.verify()

    try write("2-weight", to: file(run, 1))
    let text = errorText { try checkpoint.verify() }
    #expect(text.hasPrefix("\(path) is damaged: expected the SHA-256 ") && text.contains(", found "))
    try write("1-wei", to: file(run, 1))
    #expect(errorText { try checkpoint.verify() } == "\(path) is damaged: expected 8 bytes, found 5.")
    try FileManager.default.removeItem(at: file(run, 1))
    #expect(errorText { try checkpoint.verify() } == "\(path) is missing: expected 8 bytes, found no file.")
    try write("{", to: checkpoint.url.appending(path: "manifest.json"))
    #expect(
      errorText { try checkpoint.verify() }
        == "\(checkpoint.url.path)/manifest.json is damaged: expected each file's size and sha256 as JSON.")
    try FileManager.default.removeItem(at: checkpoint.url.appending(path: "manifest.json"))
    #expect(
      errorText { try checkpoint.verify() }
        == "\(checkpoint.url.path) has no manifest.json: it is not a checkpoint, or was not copied whole.")
  }
}

@Test func aDamagedCheckpointGivesWayToTheOneBeforeAndIsNamed() throws {
  try withTemporaryFolder { run in
    try writeCheckpoints([1, 2, 3], in: run)
    func newest() throws -> (step: Int?, lines: [String]) {
      var lines: [String] = []
      let step = try CheckpointFolder.newestGood(in: run) { lines.append($0) }?.step
      return (step, lines)
    }
    #expect(try newest().step == 3)
    #expect(try newest().lines.isEmpty)

    // A run that died while it wrote a fourth leaves a hidden folder, which is no checkpoint.
    try FileSystem.createFolder(run.appending(path: ".checkpoint-4.polyad-partial-0123456789abcdef"))
    try write("short", to: file(run, 3))
    var found = try newest()
    #expect(found.step == 2)
    #expect(
      found.lines == [
        "checkpoint-3 is not used: \(file(run, 3).path) is damaged: expected 8 bytes, found 5. "
          + "Falling back to checkpoint-2."
      ])
    #expect(try names(run) == ["checkpoint-1", "checkpoint-2", "checkpoint-3"])

    try write("x-weight", to: file(run, 2))
    try FileManager.default.removeItem(at: file(run, 1))
    found = try newest()
    #expect(found.step == nil && found.lines.count == 3)
    #expect(found.lines.last?.hasSuffix("No older checkpoint is left.") == true)
  }
}

@Test func aRunWithoutCheckpointsHasNoNewestOne() throws {
  try withTemporaryFolder { run in
    for folder in [run, run.appending(path: "none")] {
      let newest = try CheckpointFolder.newestGood(in: folder) { _ in }
      #expect(newest == nil)
    }
  }
}

@Test func pruningKeepsTheNewestAndNeverRemovesTheNewestGoodOne() throws {
  try withTemporaryFolder { run in
    try writeCheckpoints([1, 2, 3, 4, 5], in: run)
    #expect(try CheckpointFolder.prune(in: run, keeping: 9).isEmpty)
    #expect(try CheckpointFolder.prune(in: run, keeping: 4).map(\.step) == [1])
    try write("short", to: file(run, 4))
    try write("short", to: file(run, 5))
    #expect(try CheckpointFolder.prune(in: run, keeping: 1).map(\.step) == [2, 4])
    #expect(try names(run) == ["checkpoint-3", "checkpoint-5"])
    // What was just written is taken to be good.
    #expect(try CheckpointFolder.prune(in: run, keeping: 1, knownGood: 5).map(\.step) == [3])
    #expect(try names(run) == ["checkpoint-5"])
  }
}
