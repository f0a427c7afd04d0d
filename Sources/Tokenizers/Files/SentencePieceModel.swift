/// A SentencePiece model file (sentencepiece_model.proto), as far as it decides ids.
struct SentencePieceModel {
  /// A token.
  struct Piece {
    /// What a piece is for.
    enum Kind: UInt64 {
      case normal = 1
      case unknown = 2
      case control = 3
      case userDefined = 4
      case unused = 5
      case byte = 6
    }
    var text = ""
    var score: Float = 0
    var kind = Kind.normal
  }

  /// What pieces are found by: 1 unigram, 2 byte pairs, 3 words, 4 characters.
  var modelType: UInt64 = 1
  var pieces: [Piece] = []
  var fallsBackToBytes = false
  var marksWordsAtTheirEnd = false
  /// The names of the pieces that begin and end a text, whether or not there are such.
  var beginPiece = "<s>"
  var endPiece = "</s>"
  var characterMap: [UInt8] = []
  var addsDummyPrefix = true
  var removesExtraSpaces = true
  var escapesSpaces = true

  /// Reads a model; the defaults are the format's own.
  init(_ bytes: [UInt8]) throws(ProtobufReader.Fault) {
    var reader = ProtobufReader(bytes)
    while let (field, value) = try reader.next() {
      guard case .bytes(let range) = value else { continue }
      switch field {
      case 1: pieces.append(try Self.piece(bytes, range))
      case 2: try readTrainerSpecification(bytes, range)
      case 3: try readNormalizerSpecification(bytes, range)
      default: break
      }
    }
    guard !pieces.isEmpty else { throw .init() }
  }

  private static func piece(_ bytes: [UInt8], _ range: Range<Int>) throws(ProtobufReader.Fault) -> Piece {
    var piece = Piece()
    var reader = ProtobufReader(bytes, in: range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .bytes(let text)): piece.text = try reader.text(text)
      case (2, .number(let bits)):
        piece.score = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        guard piece.score.isFinite else { throw .init() }
      case (3, .number(let number)):
        guard let kind = Piece.Kind(rawValue: number) else { throw .init() }
        piece.kind = kind
      default: break
      }
    }
    return piece
  }

  private mutating func readTrainerSpecification(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(ProtobufReader.Fault) {
    var reader = ProtobufReader(bytes, in: range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (3, .number(let number)): modelType = number
      case (24, .number(let number)): marksWordsAtTheirEnd = number != 0
      case (35, .number(let number)): fallsBackToBytes = number != 0
      case (46, .bytes(let text)): beginPiece = try reader.text(text)
      case (47, .bytes(let text)): endPiece = try reader.text(text)
      default: break
      }
    }
  }

  private mutating func readNormalizerSpecification(
    _ bytes: [UInt8], _ range: Range<Int>
  ) throws(ProtobufReader.Fault) {
    var reader = ProtobufReader(bytes, in: range)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .bytes(let map)): characterMap = Array(bytes[map])
      case (3, .number(let number)): addsDummyPrefix = number != 0
      case (4, .number(let number)): removesExtraSpaces = number != 0
      case (5, .number(let number)): escapesSpaces = number != 0
      default: break
      }
    }
  }
}
