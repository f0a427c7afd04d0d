import Foundation

/// A page of the project's documentation, as far as tests look at it.
public struct MarkdownPage {
  /// A row of a table, head and rule left out.
  public struct Row {
    /// The text of the heading the table is under.
    public let heading: String
    public let cells: [String]

    /// The texts in code style of a cell.
    public func code(_ cell: Int) -> [String] { cells[cell].matches(of: /`([^`]+)`/).map { String($0.1) } }
  }

  public let file: URL
  /// The lines that are no code block.
  public let lines: [String]

  /// - Parameter path: From the package's root folder, such as `docs/recipe.md`.
  public init(_ path: String) throws {
    file = SharedFolder.packageRoot.appending(path: path)
    var isFenced = false
    lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
      .map(String.init).filter { line in
        if line.hasPrefix("```") { isFenced.toggle() }
        return !isFenced && !line.hasPrefix("```") && !line.hasPrefix("    ")
      }
  }

  /// The headings' texts, without their marks.
  public var headings: [String] { lines.compactMap(Self.heading) }

  /// The rows of every table.
  public var rows: [Row] {
    var heading = ""
    var rows: [Row] = []
    for (line, next) in zip(lines, lines.dropFirst() + [""]) {
      if let text = Self.heading(line) { heading = text }
      guard line.hasPrefix("|"), !line.hasPrefix("|--"), !line.hasPrefix("|:--"), !next.hasPrefix("|--") else {
        continue
      }
      let cells = line.replacing("\\|", with: "\u{0}").split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.replacing("\u{0}", with: "|").trimmingCharacters(in: .whitespaces) }
      rows.append(Row(heading: heading, cells: cells.dropFirst().dropLast()))
    }
    return rows
  }

  private static func heading(_ line: String) -> String? {
    line.wholeMatch(of: /#+ (.*)/).map { String($0.1) }
  }
}
