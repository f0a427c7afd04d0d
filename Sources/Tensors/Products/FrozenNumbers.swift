/// Where the numbers of a frozen array lie, and how they are held. The memory is somebody else's: a map of a file, or a
/// window that the ranks of a node share.
public enum FrozenNumbers {
  /// 32-bit floats; never written through while they are frozen.
  case fp32(UnsafeMutablePointer<Float>)
  /// The upper halves of 32-bit floats, on an even address.
  case bf16(UnsafePointer<UInt16>)
}
