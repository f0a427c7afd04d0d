/// A text with fields in braces: `{premise}\nQuestion: {question}`. `{{` and `}}` stand for braces.
struct Template: Equatable {
  private enum Piece: Equatable {
    case text(String)
    case field(String)
  }

  private let pieces: [Piece]

  /// - Throws: ``TaskError/badTemplate(template:reason:)``.
  init(_ template: String) throws {
    var pieces: [Piece] = []
    var text = ""
    var rest = template.unicodeScalars[...]
    while let first = rest.popFirst() {
      if first == "{" || first == "}", rest.first == first {
        rest.removeFirst()
        text.unicodeScalars.append(first)
      } else if first == "{" {
        guard let close = rest.firstIndex(of: "}") else {
          throw TaskError.badTemplate(template: template, reason: "a { is never closed")
        }
        let name = String(rest[..<close])
        guard !name.isEmpty, !name.contains("{") else {
          throw TaskError.badTemplate(template: template, reason: "\"{\(name)}\" names no field")
        }
        pieces += [.text(text), .field(name)]
        text = ""
        rest = rest[rest.index(after: close)...]
      } else if first == "}" {
        throw TaskError.badTemplate(template: template, reason: "a } closes nothing")
      } else {
        text.unicodeScalars.append(first)
      }
    }
    pieces.append(.text(text))
    self.pieces = pieces.filter { $0 != .text("") }
  }

  /// The text for one record.
  ///
  /// - Throws: ``TaskError/unknownField(file:line:field:available:)`` and
  ///   ``TaskError/fieldIsNotText(file:line:field:)``.
  func fill(_ record: Record) throws -> String {
    var text = ""
    for piece in pieces {
      switch piece {
      case .text(let fixed): text += fixed
      case .field(let name):
        guard case .text(let value) = try record.value(name) else {
          throw TaskError.fieldIsNotText(file: record.file, line: record.line, field: name)
        }
        text += value
      }
    }
    return text
  }

  /// The texts for one record: several where a field holds a list, one an element (a template has one such field).
  ///
  /// - Throws: As ``fill(_:)``, and ``TaskError/noReference(file:line:)`` for an empty list.
  func fillAll(_ record: Record) throws -> [String] {
    let names = pieces.compactMap { if case .field(let name) = $0 { name } else { nil } }
    for name in names {
      guard case .list(let elements) = try record.value(name) else { continue }
      guard !elements.isEmpty else { throw TaskError.noReference(file: record.file, line: record.line) }
      return try elements.map { element in
        let fields = record.fields.merging([name: .text(element)]) { $1 }
        return try fill(Record(fields: fields, file: record.file, line: record.line))
      }
    }
    return [try fill(record)]
  }
}
