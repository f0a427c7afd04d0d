import Foundation
import TestSupport

@testable import Tokenizers

/// A small SentencePiece model, written as its format has it.
struct SentencePieceProto {
  var modelType = 1
  var pieces: [(String, Float, Int)]
  var fallsBackToBytes = false
  var addsDummyPrefix = true
  var removesExtraSpaces = true
  var beginPiece: String?

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for (text, score, kind) in pieces {
      var piece = Self.field(1, Array(text.utf8)) + [2 << 3 | 5]
      for shift in [0, 8, 16, 24] { piece.append(UInt8(score.bitPattern >> UInt32(shift) & 0xFF)) }
      bytes += Self.field(1, piece + Self.field(3, kind))
    }
    // Fields that are not read, of every form, are skipped.
    var trainer = Self.field(3, modelType) + Self.field(35, fallsBackToBytes ? 1 : 0) + Self.field(1, Array("x".utf8))
    if let beginPiece { trainer += Self.field(46, Array(beginPiece.utf8)) }
    bytes += Self.field(2, trainer)
    bytes += Self.field(3, Self.field(3, addsDummyPrefix ? 1 : 0) + Self.field(4, removesExtraSpaces ? 1 : 0))
    return bytes + [9 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0]
  }

  /// The tokenizer of a folder with this model as `name`, beside `others` by name.
  func tokenizer(_ name: String = "tokenizer.model", beside others: [String: String] = [:]) throws -> Tokenizer {
    try withTemporaryFolder { folder in
      for (name, content) in others { try Data(content.utf8).write(to: folder.appending(path: name)) }
      try Data(bytes).write(to: folder.appending(path: name))
      return try Tokenizer(folder: folder)
    }
  }

  private static func varint(_ value: Int) -> [UInt8] {
    value < 128 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + varint(value >> 7)
  }

  private static func field(_ number: Int, _ value: Int) -> [UInt8] { varint(number << 3) + varint(value) }

  private static func field(_ number: Int, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(bytes.count) + bytes
  }
}
