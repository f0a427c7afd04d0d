/// A table in plain text: columns as wide as their widest cell, two spaces between them.
public struct Table: Sendable, Equatable {
  /// Where the text of a cell stands.
  public enum Alignment: Sendable, Equatable {
    case left, right
  }

  /// A heading, and how the cells below it stand.
  public struct Column: Sendable, Equatable {
    public let title: String
    public let alignment: Alignment

    public init(_ title: String, _ alignment: Alignment = .left) {
      self.title = title
      self.alignment = alignment
    }
  }

  public let columns: [Column]
  /// The cells, as many a row as there are columns.
  public private(set) var rows: [[String]] = []

  public init(columns: [Column], rows: [[String]] = []) {
    self.columns = columns
    rows.forEach { append($0) }
  }

  /// Adds a row of one cell a column.
  public mutating func append(_ row: [String]) {
    precondition(row.count == columns.count, "a row of \(row.count) cells in a table of \(columns.count) columns")
    rows.append(row)
  }

  /// The heading, a rule, and the rows; no line ends in a space.
  public var lines: [String] {
    let titles = columns.map(\.title)
    let widths = columns.indices.map { column in ([titles] + rows).map { $0[column].count }.max() ?? 0 }
    let rule = widths.map { String(repeating: "-", count: $0) }
    return ([titles, rule] + rows).map { cells in
      let padded = columns.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - cells[column].count)
        return columns[column].alignment == .left ? cells[column] + space : space + cells[column]
      }
      let line = padded.joined(separator: "  ")
      return String(line.prefix(line.count - line.reversed().prefix { $0 == " " }.count))
    }
  }
}
