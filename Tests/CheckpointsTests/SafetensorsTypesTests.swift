import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// Files of several types, and rounding to 16 bits.
struct SafetensorsTypesTests {
  @Test func widerTypesComeFirstSoThatAllLieAligned() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.safetensors"), numbers: [Float] = [1, -2, 0.5]
      let tensors: [SafetensorsWriter.TypedTensor] = [
        ("b", [3], .float16), ("a", [3], .bfloat16), ("z", [3], .float32), ("i", [1], .int64),
      ]
      try SafetensorsWriter.write(to: file, typed: tensors) { place in
        tensors[place].dataType.encode(numbers) ?? [7, 0, 0, 0, 0, 0, 0, 0]
      }
      let found = try SafetensorsFile(file)
      #expect(found.names == ["a", "b", "i", "z"])
      for (name, _, type) in tensors { #expect(try found.info(name).dataType == type) }
      for name in ["a", "b", "z"] { #expect(try found.array(name) == numbers) }
      #expect(try found.floats("z") != nil && Array(found.bytes("i")).first == 7)
    }
  }

  @Test func aNameTwiceIsRefusedWhateverTheTypes() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "model.safetensors")
      #expect(throws: SafetensorsError.duplicateTensor(file: file.path, tensor: "a")) {
        try SafetensorsWriter.write(to: file, typed: [("a", [1], .float16), ("a", [1], .float32)]) {
          $0 == 0 ? [0, 0] : [0, 0, 0, 0]
        }
      }
      #expect(!FileSystem.isFile(file))
    }
  }

  @Test func roundingBackIsTheIdentityForEveryBitPattern() {
    let wrong = (UInt16.min...UInt16.max).filter { bits in
      let half = HalfPrecision.float(float16: bits), brain = HalfPrecision.float(bfloat16: bits)
      let isHalfWrong = half.isNaN ? !isNaN(HalfPrecision.float16(half)) : HalfPrecision.float16(half) != bits
      let isBrainWrong = !brain.isNaN && HalfPrecision.bfloat16(brain) != bits
      return isHalfWrong || isBrainWrong
    }
    #expect(wrong.isEmpty)
    #expect(HalfPrecision.float(bfloat16: HalfPrecision.bfloat16(.nan)).isNaN)
  }

  private func isNaN(_ bits: UInt16) -> Bool { HalfPrecision.float(float16: bits).isNaN }

  @Test(
    arguments: [
      (1 + 0x1p-11, 0x3c00), (1 + 0x1.8p-10, 0x3c02), (65519.9, 0x7bff), (65520, 0x7c00), (1e30, 0x7c00),
      (-1e30, 0xfc00), (0x1p-25, 0), (0x1.8p-25, 1), (0x1.ffcp-15, 0x0400), (0x1.ff9p-15, 0x03ff),
    ] as [(Float, UInt16)])
  func halvesAreRoundedToTheNearestAndTiesToEven(value: Float, bits: UInt16) {
    #expect(HalfPrecision.float16(value) == bits)
  }

  @Test(
    arguments: [
      (1 + 0x1p-8, 0x3f80), (1 + 0x1.8p-7, 0x3f82), (.greatestFiniteMagnitude, 0x7f80), (-2, 0xc000),
    ] as [(Float, UInt16)])
  func bfloatsAreRoundedToTheNearestAndTiesToEven(value: Float, bits: UInt16) {
    #expect(HalfPrecision.bfloat16(value) == bits)
  }
}
