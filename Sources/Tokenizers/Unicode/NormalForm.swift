/// Unicode's normal forms (Unicode Standard Annex 15).
enum NormalForm: String {
  case canonicalDecomposition = "NFD"
  case canonicalComposition = "NFC"
  case compatibilityDecomposition = "NFKD"
  case compatibilityComposition = "NFKC"

  private var composes: Bool { self == .canonicalComposition || self == .compatibilityComposition }

  private var table: DecompositionTable {
    switch self {
    case .canonicalDecomposition, .canonicalComposition: .canonical
    case .compatibilityDecomposition, .compatibilityComposition: .compatible
    }
  }

  /// Appends `text` in this form to `output`, without the scalars that `isLeftOut` names among the decomposed ones.
  func append(
    _ text: Span<UInt8>, to output: inout [UInt8], leavingOut isLeftOut: (Unicode.Scalar) -> Bool = { _ in false }
  ) {
    var buffer = ScalarBuffer()
    let table = table
    text.forEachScalar(in: 0..<text.count) { scalar, _ in
      if scalar.isASCII {
        buffer.append(scalar, combiningClass: 0)
      } else if let syllable = HangulSyllable(scalar) {
        syllable.forEachPart { buffer.append($0, combiningClass: 0) }
      } else {
        table.forEach(of: scalar) { buffer.append($0, combiningClass: $0.combiningClass) }
      }
    }
    buffer.order()
    if composes { buffer.compose() }
    for scalar in buffer.scalars where !isLeftOut(scalar) { output.append(scalar) }
  }
}

/// Decomposed scalars on their way to a normal form.
private struct ScalarBuffer {
  private(set) var scalars: [Unicode.Scalar] = []
  private var classes: [UInt8] = []

  @inline(__always)
  mutating func append(_ scalar: Unicode.Scalar, combiningClass: UInt8) {
    scalars.append(scalar)
    classes.append(combiningClass)
  }

  /// Canonical ordering: runs of marks by class, equals in their order.
  mutating func order() {
    var start = 0
    while start < classes.count {
      if classes[start] == 0 {
        start += 1
        continue
      }
      var end = start
      while end < classes.count, classes[end] != 0 { end += 1 }
      if end - start > 1 { orderRun(start..<end) }
      start = end
    }
  }

  private mutating func orderRun(_ run: Range<Int>) {
    let sorted = run.sorted { (classes[$0], $0) < (classes[$1], $1) }
    let marks = sorted.map { scalars[$0] }
    let markClasses = sorted.map { classes[$0] }
    scalars.replaceSubrange(run, with: marks)
    classes.replaceSubrange(run, with: markClasses)
  }

  /// Canonical composition of ordered scalars: each scalar joins the last starter unless one of its class or above
  /// stands between.
  mutating func compose() {
    var count = 0
    var starter: Int? = nil
    var lastClass: UInt8 = 0
    for index in scalars.indices {
      let (scalar, combiningClass) = (scalars[index], classes[index])
      if let starter, starter == count - 1 || (lastClass != 0 && lastClass < combiningClass),
        let whole = Self.composition(scalars[starter], scalar)
      {
        scalars[starter] = whole
        continue
      }
      scalars[count] = scalar
      classes[count] = combiningClass
      if combiningClass == 0 { starter = count }
      lastClass = combiningClass
      count += 1
    }
    scalars.removeLast(scalars.count - count)
    classes.removeLast(classes.count - count)
  }

  private static func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    if second.value < 0x300 { return nil }
    return HangulSyllable.composition(first, second)
      ?? DecompositionTable.compositions[DecompositionTable.pair(first, second)]
  }
}

/// A syllable that decomposes into two or three jamo by arithmetic (Unicode Standard, section 3.12).
private struct HangulSyllable {
  private static let (leads, vowels, trails): (UInt32, UInt32, UInt32) = (0x1100, 0x1161, 0x11A7)
  private static let (vowelCount, trailCount): (UInt32, UInt32) = (21, 28)
  private static let syllables = UInt32(0xAC00)..<0xD7A4

  private let index: UInt32

  init?(_ scalar: Unicode.Scalar) {
    guard Self.syllables.contains(scalar.value) else { return nil }
    index = scalar.value - Self.syllables.lowerBound
  }

  func forEachPart(_ body: (Unicode.Scalar) -> Void) {
    body(Unicode.Scalar(Self.leads + index / (Self.vowelCount * Self.trailCount))!)
    body(Unicode.Scalar(Self.vowels + index / Self.trailCount % Self.vowelCount)!)
    let trail = index % Self.trailCount
    if trail > 0 { body(Unicode.Scalar(Self.trails + trail)!) }
  }

  static func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    if (leads..<leads + 19).contains(first.value), (vowels..<vowels + vowelCount).contains(second.value) {
      let pair = (first.value - leads) * vowelCount + second.value - vowels
      return Unicode.Scalar(syllables.lowerBound + pair * trailCount)
    }
    if syllables.contains(first.value), (first.value - syllables.lowerBound) % trailCount == 0,
      (trails + 1..<trails + trailCount).contains(second.value)
    {
      return Unicode.Scalar(first.value + second.value - trails)
    }
    return nil
  }
}

extension Unicode.Scalar {
  /// The canonical combining class; 0 begins a new run of marks.
  fileprivate var combiningClass: UInt8 {
    value < 0x300 || !isAssigned(in: .normalForms) ? 0 : properties.canonicalCombiningClass.rawValue
  }
}
