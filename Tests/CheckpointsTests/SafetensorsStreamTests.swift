import Checkpoints
import Foundation
import TestSupport
import Testing

struct SafetensorsStreamTests {
  @Test func tensorsMadeOneByOneGiveTheSameBytesAsTensorsInMemory() throws {
    try withTemporaryFolder { folder in
      let names = (0..<12).map { "logits.\($0)" }
      let arrays = names.enumerated().map { place, name in
        (name: name, shape: [place, 2], values: (0..<place * 2).map { Float(place) + Float($0) / 8 })
      }
      let whole = folder.appending(path: "whole"), streamed = folder.appending(path: "streamed")
      try SafetensorsWriter.write(to: whole, arrays: arrays)
      try SafetensorsWriter.write(to: streamed, shapes: arrays.map { ($0.name, $0.shape) }) { append in
        for place in SafetensorsWriter.order(of: names) { try arrays[place].values.withUnsafeBufferPointer(append) }
      }
      #expect(try Data(contentsOf: whole) == Data(contentsOf: streamed))
    }
  }

  @Test func aCopiedCheckpointIsVerifiedUnderAnyName() throws {
    try withTemporaryFolder { folder in
      let checkpoint = CheckpointFolder(in: folder, step: 3)
      try AtomicFolder.write(to: checkpoint.url, replaceExisting: false) {
        try Data([1, 2]).write(to: $0.appending(path: "a"))
      }
      let copy = folder.appending(path: "best")
      try FileManager.default.copyItem(at: checkpoint.url, to: copy)
      try CheckpointFolder.verify(copy)
      try Data([1, 3]).write(to: copy.appending(path: "a"))
      #expect(throws: CheckpointError.self) { try CheckpointFolder.verify(copy) }
    }
  }
}
