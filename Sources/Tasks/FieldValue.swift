import Foundation

/// The value of one field of a `jsonl` line or a `csv` row.
enum FieldValue: Decodable, Equatable {
  case text(String)
  /// Several texts: references.
  case list([String])
  /// null or an object: nothing that can stand in a text.
  case other

  init(from decoder: any Decoder) throws {
    if let text = Self.scalarText(try decoder.singleValueContainer()) {
      self = .text(text)
    } else if var elements = try? decoder.unkeyedContainer() {
      var list: [String] = []
      while !elements.isAtEnd {
        guard let element = try? elements.decode(FieldValue.self), case .text(let text) = element else {
          self = .other
          return
        }
        list.append(text)
      }
      self = .list(list)
    } else {
      self = .other
    }
  }

  /// A string, a number or a truth value as JSON writes it; nil for everything else.
  private static func scalarText(_ container: any SingleValueDecodingContainer) -> String? {
    if let text = try? container.decode(String.self) { return text }
    if let flag = try? container.decode(Bool.self) { return flag ? "true" : "false" }
    if let number = try? container.decode(Int.self) { return String(number) }
    if let number = try? container.decode(Double.self) { return String(number) }
    return nil
  }
}

/// One record of a file: its fields, and where it stands.
struct Record {
  let fields: [String: FieldValue]
  let file: String
  let line: Int

  /// - Throws: ``TaskError/unknownField(file:line:field:available:)``.
  func value(_ field: String) throws -> FieldValue {
    guard let value = fields[field] else {
      throw TaskError.unknownField(file: file, line: line, field: field, available: fields.keys.sorted())
    }
    return value
  }
}
