import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct ReportingEventFileTests {
  @Test func checksumAgreesWithPublishedValues() {
    // The check value of the CRC catalogue, and RFC 3720, appendix B.4.
    #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xe306_9283)
    #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
    #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
    #expect(CRC32C.checksum([]) == 0)
  }

  @Test func eventsAreReadBack() throws {
    try withTemporaryFolder { folder in
      let time = Date(timeIntervalSince1970: 1234.5)
      let file = try EventFile(folder: folder, time: time)
      try file.append(step: 300, [NamedValue("train/loss", 1.25), NamedValue("eval/é", -2)], time: time)
      let events = try Self.records(Data(contentsOf: URL(filePath: file.path))).map(Self.fields)
      #expect(events.count == 2)
      #expect(events[0].map(\.number) == [1, 2, 3])
      #expect(events[0][0].value == .fixed64(1234.5.bitPattern))
      #expect(events[0][2].value == .bytes(Array("brain.Event:2".utf8)))
      #expect(events[1].map(\.number) == [1, 2, 5])
      #expect(events[1][1].value == .varint(300))
      let values = events[1][2].value.message.map { $0.value.message }
      #expect(values.map { $0[0].value } == [.bytes(Array("train/loss".utf8)), .bytes(Array("eval/é".utf8))])
      #expect(values.map { $0[1].value } == [.fixed32(Float(1.25).bitPattern), .fixed32(Float(-2).bitPattern)])
    }
  }

  @Test func aResumedRunTellsWhereItGoesOnInAFileOfItsOwn() throws {
    try withTemporaryFolder { folder in
      let time = Date(timeIntervalSince1970: 1234.5)
      let first = try EventFile(folder: folder, time: time)
      let second = try EventFile(folder: folder, resumingAfter: 20, time: time)
      let names = [first.path, second.path].map { URL(filePath: $0).lastPathComponent }
      #expect(names.allSatisfy { $0.hasPrefix("events.out.tfevents.1234.") })
      #expect(names[0].hasSuffix(".\(getpid()).0"))
      #expect(names[1].hasSuffix(".\(getpid()).1"))
      let events = try Self.records(Data(contentsOf: URL(filePath: second.path))).map(Self.fields)
      #expect(events[1][1].value == .varint(21))
      #expect(events[1][2].number == 7)
      #expect(events[1][2].value.message == [Field(number: 1, value: .varint(1))])
    }
  }

  /// The data of every TFRecord, both checksums checked.
  private static func records(_ data: Data) throws -> [[UInt8]] {
    var rest = Array(data)[...]
    func take(_ count: Int) throws -> [UInt8] {
      try #require(rest.count >= count)
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    func number(_ bytes: [UInt8]) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
    func isRight(_ mask: UInt64, for bytes: [UInt8]) -> Bool {
      let rotated = UInt32(mask) &- 0xa282_ead8
      return CRC32C.checksum(bytes) == rotated >> 17 | rotated << 15
    }
    var records: [[UInt8]] = []
    while !rest.isEmpty {
      let length = try take(8)
      #expect(isRight(number(try take(4)), for: length))
      let record = try take(Int(number(length)))
      #expect(isRight(number(try take(4)), for: record))
      records.append(record)
    }
    return records
  }

  private static func fields(_ bytes: [UInt8]) -> [Field] { Field.all(in: bytes) }
}

/// A field of a protobuf message.
private struct Field: Equatable {
  enum Value: Equatable {
    case varint(UInt64)
    case fixed64(UInt64)
    case fixed32(UInt32)
    case bytes([UInt8])

    /// The fields of a nested message.
    var message: [Field] { if case .bytes(let bytes) = self { Field.all(in: bytes) } else { [] } }
  }

  let number: Int
  let value: Value

  static func all(in bytes: [UInt8]) -> [Field] {
    var rest = bytes[...]
    func varint() -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 0x7f) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      return value
    }
    func littleEndian(_ count: Int) -> UInt64 {
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    var fields: [Field] = []
    while !rest.isEmpty {
      let tag = varint()
      let value: Value
      switch tag & 7 {
      case 0: value = .varint(varint())
      case 1: value = .fixed64(littleEndian(8))
      case 5: value = .fixed32(UInt32(littleEndian(4)))
      default:
        let count = Int(varint())
        value = .bytes(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      fields.append(Field(number: Int(tag >> 3), value: value))
    }
    return fields
  }
}
