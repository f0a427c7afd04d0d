import Foundation

/// A TensorBoard event file: `events.out.tfevents.<unix time>.<host>.<process>.<number>`.
///
/// Records are framed as TFRecord (length, CRC, data, CRC); each is an `Event` message of
/// tensorflow/core/util/event.proto, of which this writes wall_time (1), step (2), file_version (3), summary (5: value
/// (1): tag (1), simple_value (2)) and session_log (7: status (1)).
public struct EventFile: ~Copyable {
  private let file: AppendedFile
  /// Where the file is.
  public var path: String { file.path }

  /// Creates a new file in `folder`.
  ///
  /// - Parameter step: The step of the checkpoint that the run goes on from: TensorBoard then forgets what older files
  ///   of the folder say about later steps. nil: the run is new.
  public init(folder: URL, resumingAfter step: Int? = nil, time: Date = Date()) throws(ReportingError) {
    let stem = "events.out.tfevents.\(Int(time.timeIntervalSince1970)).\(Self.hostName).\(getpid())"
    var number = 0
    while FileManager.default.fileExists(atPath: folder.appending(path: "\(stem).\(number)").path) { number += 1 }
    let created = try AppendedFile(folder.appending(path: "\(stem).\(number)"))

    var version = Self.event(time, step: 0)
    version.append(field: 3, text: "brain.Event:2")
    try created.append(Self.framed(version.bytes))
    if let step {
      var start = Self.event(time, step: step + 1)
      start.append(field: 7, bytes: [0x08, 0x01])  // SessionLog { status: START }
      try created.append(Self.framed(start.bytes))
    }
    file = created
  }

  /// Appends scalars of one step in one record; they are in the file when the call returns.
  public func append(step: Int, _ scalars: [NamedValue], time: Date = Date()) throws(ReportingError) {
    var summary = ProtobufMessage()
    for scalar in scalars {
      var value = ProtobufMessage()
      value.append(field: 1, text: scalar.name)
      value.append(field: 2, float: Float(scalar.value))
      summary.append(field: 1, bytes: value.bytes)
    }
    var event = Self.event(time, step: step)
    event.append(field: 5, bytes: summary.bytes)
    try file.append(Self.framed(event.bytes))
  }

  private static func event(_ time: Date, step: Int) -> ProtobufMessage {
    var event = ProtobufMessage()
    event.append(field: 1, double: time.timeIntervalSince1970)
    event.append(field: 2, integer: UInt64(step))
    return event
  }

  /// A TFRecord around `data`.
  private static func framed(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndianBytes(UInt64(data.count))
    return length + littleEndianBytes(CRC32C.masked(length)) + data + littleEndianBytes(CRC32C.masked(data))
  }

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "localhost" }
    return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}

/// The fields of a protobuf message, encoded one after the other.
private struct ProtobufMessage {
  private(set) var bytes: [UInt8] = []

  mutating func append(field: UInt64, integer: UInt64) {
    appendVarint(field << 3)
    appendVarint(integer)
  }

  mutating func append(field: UInt64, double: Double) {
    appendVarint(field << 3 | 1)
    bytes += littleEndianBytes(double.bitPattern)
  }

  mutating func append(field: UInt64, bytes content: [UInt8]) {
    appendVarint(field << 3 | 2)
    appendVarint(UInt64(content.count))
    bytes += content
  }

  mutating func append(field: UInt64, text: String) { append(field: field, bytes: Array(text.utf8)) }

  mutating func append(field: UInt64, float: Float) {
    appendVarint(field << 3 | 5)
    bytes += littleEndianBytes(float.bitPattern)
  }

  private mutating func appendVarint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7f) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}

private func littleEndianBytes(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian, Array.init)
}

/// The Castagnoli cyclic redundancy check (RFC 3720, appendix B.4).
enum CRC32C {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
  }

  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in crc >> 8 ^ table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] }
  }

  /// The checksum rotated and shifted, as TFRecord stores it.
  static func masked(_ bytes: [UInt8]) -> UInt32 {
    let crc = checksum(bytes)
    return (crc >> 15 | crc << 17) &+ 0xa282_ead8
  }
}
