import CKernels
import Tensors
import TestSupport
import Testing

/// Checksums of bytes: what they are, that every byte counts, and that cutting the work changes nothing.
struct ChecksumTests {
  private static let multiplier: UInt64 = 0x9E37_79B1_85EB_CA87, wordMultiplier: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let last: UInt64 = 0xD6E8_FEB8_6659_FD93

  private func bytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(state >> 56)
    }
  }

  /// Word by word, as the header has it.
  private func plain(_ bytes: [UInt8], seed: UInt64) -> UInt64 {
    func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
      let sum = state &+ word &* Self.wordMultiplier
      return (sum << 31 | sum >> 33) &* Self.multiplier
    }
    var lanes = (1...8).map { seed &+ UInt64($0) &* Self.multiplier }
    let padded = bytes + [UInt8](repeating: 0, count: (64 - bytes.count % 64) % 64)
    for (place, start) in stride(from: 0, to: padded.count, by: 8).enumerated() {
      let word = padded[start..<start + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      lanes[place % 8] = mixed(lanes[place % 8], word)
    }
    var sum = lanes.reduce(mixed(seed, UInt64(bytes.count)), mixed)
    for _ in 0..<2 { sum = (sum ^ sum >> 32) &* Self.last }
    return sum ^ sum >> 32
  }

  @Test func theKernelIsThePlainLoop() {
    for count in [0, 1, 7, 8, 63, 64, 65, 127, 128, 1000, 4096, 4099] {
      for seed in [0, 1, 1 << 40] as [UInt64] {
        let bytes = bytes(count)
        #expect(ck_checksum(count, bytes, seed) == plain(bytes, seed: seed), "\(count) bytes")
      }
    }
  }

  @Test func everyBitItsPlaceAndTheLengthCount() {
    let bytes = bytes(200)
    var sums: Set<UInt64> = [Checksum.of(bytes)]
    for bit in 0..<200 * 8 {
      var changed = bytes
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      sums.insert(Checksum.of(changed))
    }
    // Equal words swapped with their neighbours, and what zeros at the end would hide.
    for place in stride(from: 0, to: 192, by: 8) {
      var changed = bytes
      for offset in 0..<8 { changed.swapAt(place + offset, (place + 8 + offset) % 200) }
      sums.insert(Checksum.of(changed))
    }
    for count in 0..<200 { sums.insert(Checksum.of(Array(bytes[..<count]))) }
    for count in 1..<80 { sums.insert(Checksum.of(bytes + [UInt8](repeating: 0, count: count))) }
    #expect(sums.count == 1 + 200 * 8 + 24 + 200 + 79)
  }

  @Test func whereTheWorkIsCutChangesNothing() {
    let count = 2 * Checksum.blockSize + Checksum.blockSize / 2 + 3
    let bytes = bytes(count)
    #expect(Checksum.blockCount(of: count) == 3 && Checksum.blockCount(of: 0) == 0)
    bytes.withUnsafeBytes { raw in
      // Blocks in any order, each by whom it may be.
      let blocks = [2, 0, 1].map { ($0, Checksum.block($0, of: raw)) }.sorted { $0.0 < $1.0 }.map(\.1)
      let whole = Checksum.joined(blocks, byteCount: count)
      for threads in threadCounts { #expect(withThreads(threads) { Checksum.of(raw) } == whole) }
      #expect(Checksum.joined([blocks[1], blocks[0], blocks[2]], byteCount: count) != whole)
      // Two blocks with the same bytes have not the same sum.
      let zeros = [UInt8](repeating: 0, count: 2 * Checksum.blockSize)
      zeros.withUnsafeBytes { #expect(Checksum.block(0, of: $0) != Checksum.block(1, of: $0)) }
    }
  }

  @Test func aChecksumIsWrittenInSixteenDigits() {
    #expect(Checksum.text(255) == "00000000000000ff" && Checksum.text(.max) == "ffffffffffffffff")
    #expect(Checksum.of("text") == Checksum.of(Array("text".utf8)) && Checksum.of("text") != Checksum.of("texts"))
  }
}
