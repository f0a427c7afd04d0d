import CKernels

/// A 64-bit checksum of bytes, taken at nearly the speed of memory: to see whether two machines hold the same, not to
/// protect from malice.
///
/// Long runs are summed block by block, and the blocks' sums in their order, so that threads or ranks can share the
/// work: where it is cut changes nothing.
public enum Checksum {
  /// Bytes of a block; the last one of a run may be shorter.
  public static let blockSize = 4 << 20

  /// The blocks of a run of bytes.
  public static func blockCount(of byteCount: Int) -> Int { (byteCount + blockSize - 1) / blockSize }

  /// The checksum of a block, which depends on its number.
  public static func block(_ number: Int, of bytes: UnsafeRawBufferPointer) -> UInt64 {
    let start = number * blockSize
    precondition(start < bytes.count, "block \(number) of \(bytes.count) bytes")
    return ck_checksum(min(blockSize, bytes.count - start), bytes.baseAddress! + start, UInt64(number))
  }

  /// The checksum of a run of so many bytes whose blocks have these.
  public static func joined(_ blocks: [UInt64], byteCount: Int) -> UInt64 {
    blocks.withUnsafeBytes { raw in
      raw.baseAddress.map { ck_checksum(raw.count, $0, UInt64(byteCount)) } ?? UInt64(byteCount)
    }
  }

  /// The checksum of a run of bytes; the process's threads share the work.
  public static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    joined(Threads.map(blockCount(of: bytes.count), work: bytes.count) { block($0, of: bytes) }, byteCount: bytes.count)
  }

  /// The checksum of numbers as they lie in memory.
  public static func of<Number: BitwiseCopyable>(_ numbers: [Number]) -> UInt64 { numbers.withUnsafeBytes(of) }

  /// The checksum of a text in UTF-8.
  public static func of(_ text: String) -> UInt64 { of(Array(text.utf8)) }

  /// Sixteen hexadecimal digits.
  public static func text(_ checksum: UInt64) -> String {
    let digits = String(checksum, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
