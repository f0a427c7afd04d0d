import Foundation
import TestSupport
import Testing

@testable import Checkpoints

private let sample: [SafetensorsWriter.ArrayTensor] = [
  ("b.weight", [2, 3], [1, -2, 3.5, .infinity, -0.0, .leastNonzeroMagnitude]), ("a \"quoted\"\\\n", [], [7]),
  ("é", [0, 4], []),
]

@Test func writtenTensorsAreReadBackBitForBit() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    try SafetensorsWriter.write(to: url, arrays: sample, metadata: ["format": "pt", "by": "a\ttest"])
    try SafetensorsWriter.verify(url, arrays: sample)
    let file = try SafetensorsFile(url)
    #expect(file.metadata == ["format": "pt", "by": "a\ttest"])
    for (name, shape, values) in sample {
      #expect(try file.info(name).shape == shape)
      #expect(try file.array(name).map(\.bitPattern) == values.map(\.bitPattern))
      // Aligned, so that they are read in place.
      #expect(try values.isEmpty || file.floats(name) != nil)
    }
    #expect(try names(folder) == ["x.safetensors"])
  }
}

@Test func theOrderGivenDoesNotChangeTheBytes() throws {
  try withTemporaryFolder { folder in
    let (first, second) = (folder.appending(path: "1"), folder.appending(path: "2"))
    try SafetensorsWriter.write(to: first, arrays: sample)
    try SafetensorsWriter.write(to: second, arrays: sample.reversed())
    #expect(try Data(contentsOf: first) == Data(contentsOf: second))
    let text = String(decoding: try Data(contentsOf: first).dropFirst(8), as: UTF8.self)
    #expect(text.hasPrefix("{\"__metadata__\":{\"format\":\"pt\"},\"a \\\"quoted\\\"\\\\\\n\":{\"dtype\":\"F32\""))
  }
}

@Test func largeTensorsAreWrittenFromTheirMemory() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    let large = (0..<100_000).map(Float.init)
    try large.withUnsafeBufferPointer { values in
      let tensors: [SafetensorsWriter.Tensor] = [
        ("large", [100, 1000], values), ("small", [2], UnsafeBufferPointer(rebasing: values[5..<7])),
      ]
      try SafetensorsWriter.write(to: url, tensors: tensors)
      try SafetensorsWriter.verify(url, tensors: tensors)
    }
    let file = try SafetensorsFile(url)
    #expect(try file.array("large") == large)
    #expect(try file.array("small") == [5, 6])
  }
}

@Test func aNameUsedTwiceOrReservedIsRefused() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    let twice = errorText { try SafetensorsWriter.write(to: url, arrays: [("a", [1], [1]), ("a", [1], [2])]) }
    #expect(twice == "\(url.path): the tensor 'a' is there twice. Names must be unique.")
    let reserved = errorText { try SafetensorsWriter.write(to: url, arrays: [("__metadata__", [1], [1])]) }
    #expect(
      reserved == "\(url.path): a tensor cannot be called '__metadata__', the format's own key. Rename it.")
    let left = try names(folder)
    #expect(left.isEmpty)
  }
}

@Test func verificationNamesTheFirstDifference() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    try SafetensorsWriter.write(to: url, arrays: [("a", [2], [1, 2])])
    func difference(_ arrays: [SafetensorsWriter.ArrayTensor]) -> String {
      errorText { try SafetensorsWriter.verify(url, arrays: arrays) }
    }
    #expect(
      difference([("a", [2], [1, 3])])
        == "\(url.path): reopened after writing, it differs from memory: tensor 'a' has other numbers. "
        + "Check the disk and write it again.")
    #expect(difference([("a", [2, 1], [1, 2])]).contains("tensor 'a' has shape [2] instead of [2, 1]"))
    #expect(difference([("b", [2], [1, 2])]).contains("tensor 'b' is missing"))
    #expect(difference([]).contains("it has 1 tensors instead of 0"))
  }
}

@Test func aFullDiskIsNamed() throws {
  let text = errorText {
    try SafetensorsWriter.write(to: URL(filePath: "/dev/full"), arrays: [("a", [1], [1])])
  }
  #expect(
    text == "cannot write /dev/full: No space left on device. "
      + "Free some space there or choose another folder, then try again.")
  #expect(FileError(operation: "write", path: "", code: ENOSPC).isDiskFull)
}

@Test func anUnwritablePlaceIsNamed() throws {
  try withTemporaryFolder { folder in
    try write("", to: folder.appending(path: "file"))
    let url = folder.appending(path: "file/x.safetensors")
    #expect(
      errorText { try SafetensorsWriter.write(to: url, arrays: [("a", [1], [1])]) }
        == "cannot create \(url.path): Not a directory. A file or folder of that name is in the way: "
        + "choose another path.")
  }
}

@Test func aWriteThatStopsHalfwayLeavesTheOldFileAndNothingElse() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x")
    try write("old", to: url)
    do {
      let file = try OutputFile(url)
      try [UInt8](repeating: 1, count: 200_000).withUnsafeBytes { try file.write($0) }
      #expect(try names(folder).count == 2)
    }
    #expect(try names(folder) == ["x"])
    #expect(try text(url) == "old")
    try FileSystem.atomicWrite(Data("new".utf8), to: url)
    #expect(try names(folder) == ["x"])
    #expect(try text(url) == "new")
  }
}
