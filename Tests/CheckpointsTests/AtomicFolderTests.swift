import Foundation
import TestSupport
import Testing

@testable import Checkpoints

private struct Failure: Error {}

/// A leftover of a process that died: nobody holds its lock.
private func leftover(_ stage: String) -> String { ".kept.polyad-\(stage)-0123456789abcdef" }

@Test func aFolderAppearsWholeWithAManifestOfItsFiles() throws {
  try withTemporaryFolder { folder in
    let final = folder.appending(path: "runs/new/checkpoint-1")
    try AtomicFolder.write(to: final, replaceExisting: false) { temporary in
      #expect(temporary.lastPathComponent.hasPrefix(".checkpoint-1.polyad-partial-"))
      #expect(!FileSystem.isFolder(final))
      try write("abc", to: temporary.appending(path: "a.txt"))
      try FileSystem.createFolder(temporary.appending(path: "below"))
      try write("", to: temporary.appending(path: "below/b"))
    }
    #expect(try names(final.deletingLastPathComponent()) == ["checkpoint-1"])
    #expect(try names(final) == ["a.txt", "below", "manifest.json"])
    // The SHA-256 of "abc" and of nothing, as FIPS 180-2 gives them.
    let manifest = try text(final.appending(path: "manifest.json"))
    #expect(manifest.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    #expect(manifest.contains("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"))
    let files = try FolderManifest(of: final).files
    #expect(files.keys.sorted() == ["a.txt", "below/b"] && files["a.txt"]?.size == 3)
  }
}

@Test func anExistingFolderStaysUnlessItMayBeReplaced() throws {
  try withTemporaryFolder { folder in
    let final = folder.appending(path: "out")
    try FileSystem.createFolder(final)
    func put(_ content: String, replaceExisting: Bool) throws {
      try AtomicFolder.write(to: final, replaceExisting: replaceExisting, writesManifest: false) {
        try write(content, to: $0.appending(path: content))
      }
    }
    try put("first", replaceExisting: false)
    #expect(
      errorText { try put("second", replaceExisting: false) }
        == "\(final.path) is there already and not empty. Choose another name or remove it.")
    #expect(try names(final) == ["first"])
    try put("third", replaceExisting: true)
    #expect(try names(final) == ["third"])
    #expect(try names(folder) == ["out"])
  }
}

@Test func aFailureLeavesTheOldFolderAndNothingElse() throws {
  try withTemporaryFolder { folder in
    let final = folder.appending(path: "out")
    try AtomicFolder.write(to: final, replaceExisting: false) { try write("old", to: $0.appending(path: "a")) }
    #expect(throws: Failure.self) {
      try AtomicFolder.write(to: final, replaceExisting: true) { temporary in
        try write("new", to: temporary.appending(path: "a"))
        throw Failure()
      }
    }
    #expect(throws: FileError(operation: "write", path: "/dev/full", code: ENOSPC)) {
      try AtomicFolder.write(to: final, replaceExisting: true) { temporary in
        try write("new", to: temporary.appending(path: "a"))
        try FileSystem.atomicWrite(Data("full".utf8), to: URL(filePath: "/dev/full"))
      }
    }
    #expect(try names(folder) == ["out"])
    #expect(try text(final.appending(path: "a")) == "old")
  }
}

@Test func anUnwritableParentAndAFileInTheWayAreNamed() throws {
  try withTemporaryFolder { folder in
    let file = folder.appending(path: "file")
    try write("kept", to: file)
    #expect(
      errorText { try AtomicFolder.write(to: file.appending(path: "runs/out"), replaceExisting: true) { _ in } }
        .hasPrefix("cannot create the folder \(file.path)/runs: Not a directory."))
    #expect(
      errorText { try AtomicFolder.write(to: file, replaceExisting: true) { _ in } }
        .hasPrefix("cannot create \(file.path): File exists."))
    #expect(try text(file) == "kept")
  }
}

@Test func whatADeadProcessLeftIsRemovedAndWhatALivingOneWritesIsNot() throws {
  try withTemporaryFolder { folder in
    try FileSystem.createFolder(folder.appending(path: leftover("partial")))
    try write("", to: folder.appending(path: ".polyad-partial-0123456789abcdef"))
    let living = try TemporaryFolder(beside: folder.appending(path: "living"))
    let livingFile = try OutputFile(folder.appending(path: "file"))
    try AtomicFolder.write(to: folder.appending(path: "out"), replaceExisting: false) { _ in }
    let left = try names(folder)
    #expect(!left.contains(leftover("partial")))
    #expect(left.contains(living.url.lastPathComponent))
    // A name that is not exactly of this form is somebody else's.
    #expect(left.contains(".polyad-partial-0123456789abcdef"))
    #expect(left.count == 4)
    try livingFile.publish()
  }
}

@Test func aFolderCaughtBetweenOldAndNewGetsItsNameBack() throws {
  try withTemporaryFolder { folder in
    let old = folder.appending(path: leftover("replaced"))
    try FileSystem.createFolder(old)
    try write("old", to: old.appending(path: "a"))
    try AtomicFolder.recover(in: folder)
    #expect(try names(folder) == ["kept"])
    // Once the new folder has the name, the old one goes.
    try FileSystem.createFolder(old)
    try AtomicFolder.recover(in: folder)
    #expect(try names(folder) == ["kept"])
    #expect(try text(folder.appending(path: "kept/a")) == "old")
  }
}

@Test func filesArePublishedTogetherAndOthersStay() throws {
  try withTemporaryFolder { folder in
    try write("old", to: folder.appending(path: "a"))
    try write("log", to: folder.appending(path: "train.log"))
    #expect(throws: Failure.self) {
      try AtomicFolder.publishFiles(into: folder) { temporary in
        try write("new", to: temporary.appending(path: "a"))
        throw Failure()
      }
    }
    #expect(try text(folder.appending(path: "a")) == "old")
    try AtomicFolder.publishFiles(into: folder) { temporary in
      try write("new", to: temporary.appending(path: "a"))
      try write("new", to: temporary.appending(path: "b"))
    }
    #expect(try names(folder) == ["a", "b", "train.log"])
    #expect(try text(folder.appending(path: "a")) == "new")
  }
}

@Test func aSetOfFilesCaughtHalfPublishedIsCompleted() throws {
  try withTemporaryFolder { folder in
    try write("new", to: folder.appending(path: "a"))
    try write("old", to: folder.appending(path: "b"))
    let set = folder.appending(path: leftover("publishing"))
    try FileSystem.createFolder(set)
    try write("new", to: set.appending(path: "b"))
    try AtomicFolder.recover(in: folder)
    #expect(try names(folder) == ["a", "b"])
    #expect(try text(folder.appending(path: "b")) == "new")
  }
}

@Test func aFolderInTheWayOfAPublishedFileIsNamedBeforeAnythingChanges() throws {
  try withTemporaryFolder { folder in
    try write("old", to: folder.appending(path: "a"))
    try FileSystem.createFolder(folder.appending(path: "b"))
    let message = errorText {
      try AtomicFolder.publishFiles(into: folder) { temporary in
        try write("new", to: temporary.appending(path: "a"))
        try write("new", to: temporary.appending(path: "b"))
      }
    }
    #expect(message.hasPrefix("cannot write \(folder.path)/b: Is a directory."))
    #expect(try text(folder.appending(path: "a")) == "old")
    #expect(try names(folder) == ["a", "b"])
  }
}
