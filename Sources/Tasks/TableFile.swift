import Foundation
import SwiftCSV

/// A file with a header line and one record a row.
struct TableFile {
  private let file: TextFile
  private let delimiter: Character

  init(_ file: TextFile, delimiter: Character) {
    self.file = file
    self.delimiter = delimiter
  }

  /// The records of the first `limit` rows below the header; a blank line counts as a row and gives no record.
  ///
  /// - Throws: ``TaskError/badTable(file:line:reason:)`` with the line a bad row begins on.
  func records(limit: Int) throws -> [Record] {
    guard !file.bytes.isEmpty else { return [] }
    var rows = RowCollector(file: file.name)
    do {
      // Zero rows here, or the parser would keep a second copy of all of them.
      let table = try EnumeratedCSV(string: text, delimiter: csvDelimiter, loadColumns: false, rowLimit: 0)
      try table.enumerateAsArray(rowLimit: limit == .max ? nil : limit + 1) { rows.add($0) }
    } catch let error as CSVParseError {
      throw TaskError.badTable(file: file.name, line: rows.nextLine, reason: Self.reason(error))
    }
    if let fault = rows.fault { throw fault }
    // The parser says nothing of a quote that is never closed: the rest of the file is then one cell.
    if rows.records.count < limit, !file.bytes.count(where: { $0 == UInt8(ascii: "\"") }).isMultiple(of: 2) {
      throw TaskError.badTable(file: file.name, line: rows.lastLine, reason: "a quote is never closed")
    }
    return rows.records
  }

  /// The file's text, with a line break at its end: without, the parser loses an empty last cell.
  private var text: String {
    let text = String(decoding: file.bytes, as: UTF8.self)
    return file.bytes.last == UInt8(ascii: "\n") ? text : text + "\n"
  }

  private var csvDelimiter: CSVDelimiter {
    switch delimiter {
    case ",": .comma
    case ";": .semicolon
    case "\t": .tab
    default: .character(delimiter)
    }
  }

  private static func reason(_ error: CSVParseError) -> String {
    switch error {
    case .generic(let message), .quotation(let message): message
    }
  }
}

/// Turns rows of cells into records, and knows which line each row begins on.
private struct RowCollector {
  let file: String
  private(set) var records: [Record] = []
  private(set) var fault: TaskError?
  /// The line the row added last begins on.
  private(set) var lastLine = 1
  /// The line the next row begins on.
  private(set) var nextLine = 1
  private var header: [String] = []

  init(file: String) { self.file = file }

  mutating func add(_ cells: [String]) {
    lastLine = nextLine
    nextLine += 1
    for cell in cells { nextLine += cell.utf8.count { $0 == UInt8(ascii: "\n") } }
    guard fault == nil, cells != [""] else { return }
    if header.isEmpty {
      header = cells
    } else if cells.count == header.count {
      let fields = Dictionary(zip(header, cells.map(FieldValue.text)), uniquingKeysWith: { first, _ in first })
      records.append(Record(fields: fields, file: file, line: lastLine))
    } else {
      fault = .badTable(file: file, line: lastLine, reason: "it has \(cells.count) cells, the header \(header.count)")
    }
  }
}
