import Foundation

/// Full decompositions of single scalars, and what pairs compose to.
///
/// The mappings come from Foundation; Unicode's stability policy freezes them once a scalar is assigned.
struct DecompositionTable: Sendable {
  static let canonical = DecompositionTable { $0.decomposedStringWithCanonicalMapping }
  static let compatible = DecompositionTable { $0.decomposedStringWithCompatibilityMapping }

  /// The scalar of each pair that composes canonically, by first and second.
  static let compositions: [UInt64: Unicode.Scalar] = {
    var compositions: [UInt64: Unicode.Scalar] = [:]
    for scalar in candidates {
      let text = String(Character(scalar))
      let mapping = Array(text.decomposedStringWithCanonicalMapping.unicodeScalars)
      // Excluded from composition where composing does not give the scalar back.
      guard mapping.count >= 2, Array(text.precomposedStringWithCanonicalMapping.unicodeScalars) == [scalar],
        let last = mapping.last
      else { continue }
      let head = String(String.UnicodeScalarView(mapping.dropLast())).precomposedStringWithCanonicalMapping
      guard head.unicodeScalars.count == 1, let first = head.unicodeScalars.first else { continue }
      compositions[pair(first, last)] = scalar
    }
    return compositions
  }()

  static func pair(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 {
    UInt64(first.value) << 32 | UInt64(second.value)
  }

  /// Where the mapping of a scalar begins in `pool`, by the scalar's page of 256 and place there; 0 for none.
  private var starts: [[UInt16]]
  /// Mappings: count, then scalars.
  private var pool: [UInt32] = [0]

  private init(_ mapping: (String) -> String) {
    starts = Array(repeating: [], count: 0x300)
    for scalar in Self.candidates {
      let scalars = Array(mapping(String(Character(scalar))).unicodeScalars)
      if scalars == [scalar] { continue }
      let page = Int(scalar.value >> 8)
      if starts[page].isEmpty { starts[page] = Array(repeating: 0, count: 256) }
      starts[page][Int(scalar.value & 0xFF)] = UInt16(pool.count)
      pool.append(UInt32(scalars.count))
      pool.append(contentsOf: scalars.map(\.value))
    }
  }

  /// Calls `body` with each scalar that `scalar` decomposes to, itself if it does not. Hangul is the caller's.
  @inline(__always)
  func forEach(of scalar: Unicode.Scalar, _ body: (Unicode.Scalar) -> Void) {
    let page = Int(scalar.value >> 8)
    guard page < starts.count, !starts[page].isEmpty else { return body(scalar) }
    let start = Int(starts[page][Int(scalar.value & 0xFF)])
    if start == 0 { return body(scalar) }
    for index in start + 1...start + Int(pool[start]) { body(Unicode.Scalar(pool[index])!) }
  }

  /// The scalars of the edition that may decompose: in the blocks that hold any.
  private static var candidates: [Unicode.Scalar] {
    let blocks: [ClosedRange<UInt32>] = [
      0xA0...0x6FF, 0x900...0x10FF, 0x1B00...0x1B7F, 0x1D00...0x24FF, 0x2A00...0x2AFF, 0x2C00...0x2DFF, 0x2E80...0x33FF,
      0xA640...0xA7FF, 0xAB30...0xAB6F, 0xF900...0xFFFF, 0x11000...0x115FF, 0x1D100...0x1D7FF, 0x1EE00...0x1EEFF,
      0x1F100...0x1F2FF, 0x2F800...0x2FA1F,
    ]
    return blocks.joined().compactMap(Unicode.Scalar.init).filter { $0.isAssigned(in: .normalForms) }
  }
}
