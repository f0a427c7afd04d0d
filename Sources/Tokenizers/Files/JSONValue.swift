/// A JSON value that keeps what tokenizer files rely on and Foundation's readers drop: keys that differ only by
/// canonical equivalence ("é" in one scalar or in two), and the order of an object's members.
enum JSONValue: Equatable {
  case null
  case boolean(Bool)
  case integer(Int)
  case real(Double)
  case text(String)
  case list([JSONValue])
  case object([Member])

  /// A key and its value.
  struct Member: Equatable {
    let key: String
    let value: JSONValue
  }

  /// What the value is, for error texts.
  var kind: String {
    switch self {
    case .null: "null"
    case .boolean(let flag): "\(flag)"
    case .integer(let number): "\(number)"
    case .real(let number): "\(number)"
    case .text(let text): "\"\(text)\""
    case .list: "a list"
    case .object: "an object"
    }
  }

  /// The number that the value is, nil if it is none.
  var number: Double? {
    switch self {
    case .integer(let number): Double(number)
    case .real(let number): number
    default: nil
    }
  }

  /// The value under `key`: null where there is none; the last where there are several, as Hugging Face reads them.
  subscript(key: String) -> JSONValue {
    guard case .object(let members) = self else { return .null }
    return members.last { $0.key == key }?.value ?? .null
  }
}
