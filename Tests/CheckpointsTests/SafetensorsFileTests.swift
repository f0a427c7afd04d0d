import Foundation
import TestSupport
import Testing

@testable import Checkpoints

@Test func everyTypeIsListedAndTheFloatingOnesAreRead() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    let header = [
      entry("half", "F16", "[2]", 0, 4), entry("brain", "BF16", "[1,2]", 4, 8), entry("one", "F32", "[]", 8, 12),
      entry("ids", "I64", "[1]", 12, 20), entry("none", "F32", "[0,7]", 20, 20), entry("mask", "BOOL", "[3]", 20, 23),
      "\"__metadata__\":{\"format\":\"pt\",\"note\":\"a \\u00e9\\ud83d\\ude00\\n\"}",
    ].joined(separator: ", ")
    let data: [UInt8] = [0, 0x3c, 1, 0, 0x80, 0x3f, 0, 0xc0, 0, 0, 0x20, 0x41] + [9, 0, 0, 0, 0, 0, 0, 0] + [1, 0, 1]
    try writeRaw(url, header: "{\(header)}  ", data: data)
    let file = try SafetensorsFile(url)

    #expect(file.names == ["brain", "half", "ids", "mask", "none", "one"])
    #expect(file.metadata == ["format": "pt", "note": "a é😀\n"])
    #expect(try file.array("half") == [1, 0x1p-24])
    #expect(try file.array("brain") == [1, -2])
    #expect(try file.array("one") == [10])
    #expect(try file.array("none") == [])
    #expect(try file.info("brain").shape == [1, 2])
    #expect(try file.info("ids").dataType == .int64)
    #expect(try file.info("ids").byteRange.count == 8)
    #expect(try Array(file.bytes("mask")) == [1, 0, 1])
    #expect(try file.floats("half") == nil)
    #expect(file.contains("one") && !file.contains("two"))
  }
}

@Test(arguments: [0, 1, 2, 3])
func floatsAreReadInPlaceOnlyWhereTheyAreAligned(padding: Int) throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    let header = "{\(entry("w", "F32", "[2]", 0, 8))}"
    let spaces = (8 - header.utf8.count % 8) % 8 + padding
    try writeRaw(
      url, header: header + String(repeating: " ", count: spaces), data: [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40])
    let file = try SafetensorsFile(url)
    #expect(try file.array("w") == [1, 2])
    let floats = try file.floats("w")
    #expect((floats != nil) == (padding == 0))
    #expect(padding > 0 || floats.map(Array.init) == [1, 2])
    withExtendedLifetime(file) {}
  }
}

/// A header, the count of data bytes after it, and what the error must say.
struct Malformed: Sendable, CustomTestStringConvertible {
  let header: String
  let byteCount: Int
  let text: String
  var testDescription: String { text }

  static let cases = [
    Malformed(header: "not json", byteCount: 0, text: "header not readable at byte 8 of the file: expected '{'"),
    Malformed(header: "{\"a\":", byteCount: 0, text: "header not readable at byte 13 of the file: expected '{'"),
    Malformed(header: "{\"a", byteCount: 0, text: "a string does not end"),
    Malformed(header: "{\"a\\x\":{}}", byteCount: 0, text: "an unknown escape in a string"),
    Malformed(header: "{\"a\\ud800\":{}}", byteCount: 0, text: "half a surrogate pair"),
    Malformed(header: "{} {", byteCount: 0, text: "unexpected text after the closing brace"),
    Malformed(
      header: "{\"a\":{}}", byteCount: 0, text: "tensor 'a' lacks its dtype, its shape or its two data_offsets"),
    Malformed(header: "{\"a\":{\"type\":1}}", byteCount: 0, text: "tensor 'a' has the unknown key 'type'"),
    Malformed(header: "{\(entry("a", "F32", "[1.5]", 0, 4))}", byteCount: 4, text: "expected ']'"),
    Malformed(
      header: "{\(entry("a", "F32", "[99999999999999999999]", 0, 4))}", byteCount: 4,
      text: "not a whole number below 2^63"),
    Malformed(
      header: "{\(entry("a", "F32", "[1]", 0, 4)),\(entry("a", "F32", "[1]", 4, 8))}", byteCount: 8,
      text: "the tensor 'a' is there twice. Names must be unique."),
    Malformed(
      header: "{\(entry("a", "F31", "[1]", 0, 4))}", byteCount: 4,
      text: "tensor 'a' has the unknown type 'F31'. Known are F64, F32, F16, BF16,"),
    Malformed(
      header: "{\(entry("a", "F32", "[-1]", 0, 4))}", byteCount: 4, text: "tensor 'a' has the shape [-1]: a negative"),
    Malformed(
      header: "{\(entry("a", "F32", "[4611686018427387904,4]", 0, 4))}", byteCount: 4,
      text: "tensor 'a' has the shape [4611686018427387904, 4]: a negative length, or more bytes than can be counted."),
    Malformed(
      header: "{\(entry("a", "F32", "[1]", 4, 0))}", byteCount: 4,
      text: "tensor 'a' reaches from byte 4 to byte 0: offsets must not be negative, nor end before they begin."),
    Malformed(header: "{\(entry("a", "F32", "[1]", -4, 0))}", byteCount: 4, text: "reaches from byte -4 to byte 0"),
    Malformed(
      header: "{\(entry("a", "U8", "[9223372036854775807]", 0, .max))}", byteCount: 4,
      text: "reaches from byte 0 to byte 9223372036854775807"),
    Malformed(
      header: "{\(entry("a", "F32", "[2,3]", 0, 20))}", byteCount: 20,
      text: "tensor 'a' of type F32 and shape [2, 3] takes 24 bytes, but its offsets hold 20."),
    Malformed(
      header: "{\(entry("a", "F32", "[2]", 0, 8)),\(entry("b", "F32", "[2]", 4, 12))}", byteCount: 12,
      text: "the bytes of the tensors 'a' and 'b' overlap."),
    Malformed(
      header: "{\(entry("a", "F32", "[1]", 0, 4)),\(entry("b", "F32", "[1]", 8, 12))}", byteCount: 12,
      text: "4 bytes before the tensor 'b' belong to no tensor"),
    Malformed(
      header: "{\(entry("a", "U8", "[1]", 0, 1)),\(entry("b", "U8", "[100]", 1, 101))}", byteCount: 7,
      text: "cut short: expected 218 bytes, found 124, so that tensor 'b' is not whole."),
    Malformed(
      header: "{\(entry("a", "U8", "[1]", 0, 1))}", byteCount: 3, text: "too long: expected 62 bytes, found 64;"),
  ]
}

@Test(arguments: Malformed.cases)
func aMalformedHeaderIsNamedInOneLine(malformed: Malformed) throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "broken.safetensors")
    try writeRaw(url, header: malformed.header, data: [UInt8](repeating: 0, count: malformed.byteCount))
    let text = errorText { _ = try SafetensorsFile(url) }
    #expect(text.contains(malformed.text), "\(text)")
    #expect(text.hasPrefix(url.path) && !text.contains("\n"))
  }
}

@Test func aFileWithoutAWholeHeaderIsNamed() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "broken.safetensors")
    try Data([1, 2, 3]).write(to: url)
    #expect(errorText { _ = try SafetensorsFile(url) }.contains("3 bytes are too few for a safetensors file"))
    try Data().write(to: url)
    #expect(errorText { _ = try SafetensorsFile(url) }.contains("0 bytes are too few for a safetensors file"))
    try writeRaw(url, header: "{}", announcedLength: 1000)
    #expect(errorText { _ = try SafetensorsFile(url) }.contains("expected at least 1008 bytes, found 10."))
    try writeRaw(url, header: "{}", announcedLength: .max)
    #expect(errorText { _ = try SafetensorsFile(url) }.contains("announce a header of 18446744073709551615 bytes"))
  }
}

@Test func aMissingFileAndAFolderAreNamed() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "none.safetensors")
    #expect(
      errorText { _ = try SafetensorsFile(url) }
        == "cannot open \(url.path): No such file or directory. Check the path.")
    #expect(errorText { _ = try SafetensorsFile(folder) }.hasPrefix("cannot read \(folder.path): Is a directory."))
  }
}

@Test func wrongUsesOfATensorAreNamed() throws {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: "x.safetensors")
    try writeRaw(
      url, header: "{\(entry("w", "F32", "[2,1]", 0, 8)),\(entry("i", "I32", "[1]", 8, 12))}",
      data: [UInt8](repeating: 0, count: 12))
    let file = try SafetensorsFile(url)
    #expect(
      errorText { _ = try file.info("v") }
        == "\(url.path): no tensor 'v' among its 2. Check that the file belongs to this model or adapter.")
    #expect(
      errorText { _ = try file.array("i") }
        == "\(url.path): tensor 'i' has type I32; only F32, F16 and BF16 can be read as weights.")
    #expect(
      errorText { try file.require("w", shape: [1, 2]) }
        == "\(url.path): tensor 'w' has shape [2, 1], the configuration asks for [1, 2].")
    #expect(errorText { try file.require("w", shape: [2, 1]) } == "")
    var three: [Float] = [0, 0, 0]
    #expect(
      errorText { try three.withUnsafeMutableBufferPointer { try file.copyFloats("w", into: $0) } }
        == "\(url.path): tensor 'w' has shape [2, 1] (2 numbers) where 3 are wanted.")
  }
}
