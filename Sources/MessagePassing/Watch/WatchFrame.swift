/// What travels between the watches of two ranks.
struct WatchFrame: Equatable {
  enum Kind: UInt8 {
    /// A rank names itself; the text is the job's secret.
    case hello = 1
    /// A sign of life, with what the rank is doing; from rank 0, the text names a rank that is late.
    case beat
    /// A fault that must end the job: exit code and text.
    case failure
    /// The rank has done all its work; its connection may close.
    case done
    /// From rank 0: the job ends with this exit code, and all that has to be said has been.
    case end
  }

  var kind: Kind
  var rank = 0
  /// The exit code of ``Kind/failure`` and ``Kind/end``.
  var code: Int32 = 0
  var report = ActivityReport()
  var text = ""

  /// Bytes of a text at most.
  private static let textLimit = 16_384
  /// Bytes before the text.
  private static let headCount = 32

  /// As it is sent: the length of the rest in four bytes, then fixed fields, little-endian, then the text.
  var bytes: [UInt8] {
    var result: [UInt8] = []
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { result.append(contentsOf: $0) }
    }
    let text = text.utf8.prefix(Self.textLimit)
    append(UInt32(Self.headCount + text.count))
    append(kind.rawValue)
    append(report.kind.rawValue)
    append(UInt16(report.waits ? 1 : 0))
    append(UInt32(rank))
    append(code)
    append(UInt32(0))
    append(Int64(report.step))
    append(report.moves)
    return result + text
  }

  /// Takes the first whole frame out of `received`; nil if there is none yet.
  ///
  /// - Throws: ``NotAFrame`` if the bytes are not from a watch.
  static func take(from received: inout [UInt8]) throws(NotAFrame) -> WatchFrame? {
    guard received.count >= 4 else { return nil }
    let count = Int(number(received, 0, UInt32.self))
    guard (headCount...headCount + textLimit).contains(count) else { throw NotAFrame() }
    guard received.count >= 4 + count else { return nil }
    let frame = Array(received[4..<4 + count])
    received.removeFirst(4 + count)
    guard let kind = Kind(rawValue: frame[0]), let activity = Activity.Kind(rawValue: frame[1]) else {
      throw NotAFrame()
    }
    return WatchFrame(
      kind: kind, rank: Int(number(frame, 4, UInt32.self)), code: number(frame, 8, Int32.self),
      report: ActivityReport(
        kind: activity, step: Int(number(frame, 16, Int64.self)), waits: number(frame, 2, UInt16.self) != 0,
        moves: number(frame, 24, UInt64.self)),
      text: String(decoding: frame[headCount...], as: UTF8.self))
  }

  private static func number<Value: FixedWidthInteger>(_ bytes: [UInt8], _ place: Int, _: Value.Type) -> Value {
    (0..<Value.bitWidth / 8).reduce(Value(0)) { $0 | Value(truncatingIfNeeded: bytes[place + $1]) << ($1 * 8) }
  }
}

/// Bytes that no watch sends.
struct NotAFrame: Error {}
