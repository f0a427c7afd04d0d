import Foundation
import JSON

/// A place in a tokenizer file: its value, and how to name it in an error.
struct JSONField {
  let file: String
  let path: String
  let value: JSONValue

  /// The member `key`; null where there is none.
  subscript(key: String) -> JSONField {
    JSONField(file: file, path: path.isEmpty ? key : "\(path).\(key)", value: value[key])
  }

  /// Whether the field is missing or null.
  var isNull: Bool { value == .null }

  /// An error about this field.
  func problem(_ text: String) -> TokenizerError {
    .badField(file: file, path: path.isEmpty ? "the file" : path, problem: text)
  }

  /// The text here.
  func text() throws(TokenizerError) -> String {
    guard case .string(let text) = value else { throw problem("must be a text, but is \(value.kind)") }
    return text
  }

  /// The text here; a missing one is `fallback`.
  func text(default fallback: String) throws(TokenizerError) -> String {
    isNull ? fallback : try text()
  }

  /// The UTF-8 bytes of the text here, which is one scalar.
  func scalar() throws(TokenizerError) -> [UInt8] {
    let text = try text()
    guard text.unicodeScalars.count == 1 else { throw problem("must be one character, but is \(value.kind)") }
    return Array(text.utf8)
  }

  /// The count here, not negative.
  func count() throws(TokenizerError) -> Int {
    guard case .int(let number) = value, number >= 0 else { throw problem("must be a count, but is \(value.kind)") }
    return number
  }

  /// The flag here; a missing one is `fallback`, or an error without that.
  func flag(default fallback: Bool? = nil) throws(TokenizerError) -> Bool {
    if case .bool(let flag) = value { return flag }
    guard isNull, let fallback else { throw problem("must be true or false, but is \(value.kind)") }
    return fallback
  }

  /// The token id here.
  func tokenId() throws(TokenizerError) -> Int32 {
    guard case .int(let number) = value, Vocabulary.idRange.contains(number) else {
      throw problem("must be a token id in \(Vocabulary.idRange), but is \(value.kind)")
    }
    return Int32(number)
  }

  /// The list's elements; a missing list is empty.
  func elements() throws(TokenizerError) -> [JSONField] {
    if isNull { return [] }
    guard case .array(let values) = value else { throw problem("must be a list, but is \(value.kind)") }
    return values.enumerated().map { JSONField(file: file, path: "\(path)[\($0)]", value: $1) }
  }

  /// The `type` of a part such as `normalizer`; nil where the part is null.
  func type() throws(TokenizerError) -> String? {
    isNull ? nil : try self["type"].text()
  }

  /// An error that says this part's value cannot be met.
  func unsupported(_ found: String, supported: String) -> TokenizerError {
    .unsupported(file: file, part: path, found: found, supported: supported)
  }
}

extension JSONField {
  /// The whole of the JSON file at `url`.
  ///
  /// - Throws: ``TokenizerError``.
  init(file url: URL) throws {
    let data: Data
    do {
      data = try Data(contentsOf: url)
    } catch {
      let exists = FileManager.default.fileExists(atPath: url.path)
      throw TokenizerError.unreadable(
        file: url.path, reason: exists ? error.localizedDescription : "there is no such file")
    }
    do throws(JSONReader.Fault) {
      self.init(file: url.path, path: "", value: try JSONReader.value(of: [UInt8](data)))
    } catch {
      throw TokenizerError.notJSON(file: url.path, line: error.line, problem: error.problem)
    }
  }
}

extension JSONValue {
  /// What the value is, for error texts.
  var kind: String {
    switch self {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): "\"\(text)\""
    case .array: "a list"
    case .object: "an object"
    }
  }
}
