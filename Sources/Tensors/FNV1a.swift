/// The 64-bit hash FNV-1a (Fowler, Noll, Vo): the same on every machine, and no protection from malice.
public enum FNV1a {
  /// The hash of numbers taken one by one, such as a text's UTF-8 bytes.
  @inlinable
  public static func hash(_ numbers: some Sequence<some UnsignedInteger>) -> UInt64 {
    numbers.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}
