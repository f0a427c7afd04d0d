import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// Rounding of whole tensors to bfloat16.
struct RoundingTests {
  /// Numbers on every kind of edge, by their fp32 patterns, and the nearest bfloat16's.
  private static let edges: [(single: UInt32, nearest: UInt16)] = [
    (0x3f80_0000, 0x3f80), (0x3f80_7fff, 0x3f80), (0x3f80_8000, 0x3f80), (0x3f80_8001, 0x3f81),
    (0x3f81_8000, 0x3f82), (0xbf81_7fff, 0xbf81), (0xbf81_8000, 0xbf82), (0x3fff_8000, 0x4000),
    // Zeros, and subnormals of either format.
    (0x0000_0000, 0x0000), (0x8000_0000, 0x8000), (0x0000_0001, 0x0000), (0x8000_8000, 0x8000), (0x8000_8001, 0x8001),
    (0x0001_8000, 0x0002), (0x007f_ffff, 0x0080),
    // The largest numbers, infinities, and NaNs, also one whose bits lie below all that is kept.
    (0x7f7f_7fff, 0x7f7f), (0x7f80_0000, 0x7f80), (0xff80_0000, 0xff80),
    (0x7f80_0001, 0x7fc0), (0xffff_ffff, 0xffff), (0x7fc0_0000, 0x7fc0),
  ]

  private static let numbers = (0..<5).flatMap { _ in edges.map { Float(bitPattern: $0.single) } }

  private func rounded(_ source: some TensorSource, _ name: String) throws -> [UInt16] {
    var result = [UInt16](repeating: 0xdead, count: try source.info(name).elementCount)
    try result.withUnsafeMutableBufferPointer { try source.copyBFloats(name, into: $0) }
    return result
  }

  @Test func singlePrecisionIsRoundedToTheNearestAndTiesToEven() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a.safetensors"), count = Self.numbers.count
      try SafetensorsWriter.write(to: file, typed: [("a", [count], .float32)]) { _ in
        DataType.float32.encode(Self.numbers)!
      }
      let expected = (0..<5).flatMap { _ in Self.edges.map(\.nearest) }
      #expect(try rounded(SafetensorsFile(file), "a") == expected)
      #expect(Self.numbers.map(HalfPrecision.bfloat16) == expected)
    }
  }

  /// All but NaN, of which some bit stays.
  @Test func everyHalfIsRoundedAsItsNumber() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a.safetensors"), halves = Array(UInt16.min...UInt16.max)
      try SafetensorsWriter.write(to: file, typed: [("a", [halves.count], .float16)]) { _ in
        halves.withUnsafeBytes { Array($0) }
      }
      let found = try rounded(SafetensorsFile(file), "a")
      for (half, bits) in zip(halves, found) {
        let number = HalfPrecision.float(float16: half), result = HalfPrecision.float(bfloat16: bits)
        guard !number.isNaN else {
          if !result.isNaN { Issue.record("\(half) became a number") }
          continue
        }
        if bits != HalfPrecision.bfloat16(number) { Issue.record("\(half) became \(bits)") }
      }
    }
  }

  @Test(arguments: [Float(bitPattern: 0x7f7f_8000), -.greatestFiniteMagnitude])
  func aFiniteNumberThatWouldBecomeInfiniteIsRefused(number: Float) throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "a.safetensors")
      try SafetensorsWriter.write(to: file, typed: [("w", [2, 2], .float32)]) { _ in
        DataType.float32.encode([1, 2, number, 4])!
      }
      let text = errorText { _ = try rounded(SafetensorsFile(file), "w") }
      #expect(
        text == "\(file.path): tensor 'w' holds numbers above 3.3895314e+38, which would be infinite in bf16. "
          + "Use the precision fp32.")
    }
  }

  @Test func bfloatsAreUsedWhereTheyLieUnlessThatIsOdd() throws {
    try withTemporaryFolder { folder in
      for isOdd in [false, true] {
        let file = folder.appending(path: "\(isOdd).safetensors")
        var header = "{" + entry("w", "BF16", "[2,2]", 0, 8) + "}"
        while header.utf8.count.isMultiple(of: 2) == isOdd { header += " " }
        try writeRaw(file, header: header, data: [0x80, 0x3f, 0x00, 0xc0, 0x01, 0x00, 0xc1, 0x7f])
        let source = try SafetensorsFile(file)
        let mapped = try source.bfloats("w")
        #expect((mapped == nil) == isOdd)
        if let mapped { #expect(try UnsafeRawPointer(mapped.baseAddress) == source.bytes("w").baseAddress) }
        #expect(try rounded(source, "w") == [0x3f80, 0xc000, 0x0001, 0x7fc1])
      }
    }
  }
}
