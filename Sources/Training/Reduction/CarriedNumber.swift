import MessagePassing
import Tensors

/// A number of a gradient as it travels between ranks.
protocol CarriedNumber: MPIElement {
  /// What sums must be rounded to for their numbers to travel unchanged.
  static var precision: Precision { get }
  /// Numbers as they travel, or as sums have them, where the two are the same.
  static func carried(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Self>?
  static func numbers(_ carried: UnsafeMutablePointer<Self>) -> UnsafeMutablePointer<Float>?
  static func pack(_ numbers: UnsafePointer<Float>, into carried: UnsafeMutablePointer<Self>, count: Int)
  static func unpack(_ carried: UnsafePointer<Self>, into numbers: UnsafeMutablePointer<Float>, count: Int)
}

extension Float: CarriedNumber {
  static var precision: Precision { .fp32 }
  static func carried(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? { numbers }
  static func numbers(_ carried: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float>? { carried }

  static func pack(_ numbers: UnsafePointer<Float>, into carried: UnsafeMutablePointer<Float>, count: Int) {
    carried.copy(numbers, count: count)
  }

  static func unpack(_ carried: UnsafePointer<Float>, into numbers: UnsafeMutablePointer<Float>, count: Int) {
    numbers.copy(carried, count: count)
  }
}

/// bf16, the upper half of a number whose lower half is zero.
extension UInt16: CarriedNumber {
  static var precision: Precision { .bf16 }
  static func carried(_ numbers: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<UInt16>? { nil }
  static func numbers(_ carried: UnsafeMutablePointer<UInt16>) -> UnsafeMutablePointer<Float>? { nil }

  static func pack(_ numbers: UnsafePointer<Float>, into carried: UnsafeMutablePointer<UInt16>, count: Int) {
    carried.copy(numbers, count: count)
  }

  static func unpack(_ carried: UnsafePointer<UInt16>, into numbers: UnsafeMutablePointer<Float>, count: Int) {
    numbers.copy(carried, count: count)
  }
}

extension Precision {
  /// Bytes of a number as it travels.
  var carriedByteCount: Int { self == .bf16 ? MemoryLayout<UInt16>.stride : MemoryLayout<Float>.stride }
}
