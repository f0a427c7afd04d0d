import Foundation
import TestSupport
import Testing

/// The ``symbol links`` of documentation comments lead to something that is declared.
@Suite struct SymbolLinkTests {
  /// A Swift file of a module.
  struct Source {
    let module, name, text: String
    /// The types that the file declares or extends.
    let types: Set<String>
    /// The signatures of what it declares, such as `read(_:at:)`, and the names without what is in brackets.
    let members: Set<String>

    init(module: String, file: URL) throws {
      (self.module, name) = (module, file.lastPathComponent)
      text = try String(contentsOf: file, encoding: .utf8)
      types = Set(
        text.matches(of: /\b(?:struct|class|enum|protocol|actor|extension|typealias) ([\w.]+)/)
          .flatMap { $0.1.split(separator: ".").map(String.init) })
      members = Self.members(of: text)
    }

    private static func members(of text: String) -> Set<String> {
      var found = Set(text.matches(of: /\b(?:var|let|associatedtype) ([^=:{\n]+)/).flatMap { names(in: $0.1) })
      for match in text.matches(of: /\b(?:func +(`?\w+`?)|(init)[?!]?|(subscript))(?:<[^(]*>)?(?=\()/) {
        let name = String(match.1 ?? match.2 ?? match.3 ?? "").replacing("`", with: "")
        found.formUnion([name, name + list(text[match.range.upperBound...]).labels])
      }
      for match in text.matches(of: /\bcase (?=\w)/) { found.formUnion(cases(text[match.range.upperBound...])) }
      return found
    }

    /// The signatures of an enumeration's cases on one line, from behind the keyword.
    private static func cases(_ text: Substring) -> [String] {
      var rest = text, found: [String] = []
      while let name = rest.prefixMatch(of: /\s*`?(\w+)`?/) {
        rest = rest[name.range.upperBound...]
        found.append(String(name.1))
        if rest.first == "(" {
          let list = list(rest)
          found.append(name.1 + list.labels)
          rest = list.rest
        }
        if let value = rest.prefixMatch(of: /\s*=\s*(?:"[^"]*"|[\w.]+)/) { rest = rest[value.range.upperBound...] }
        guard rest.first == "," else { break }
        rest.removeFirst()
      }
      return found
    }

    /// The names of a declaration such as `a, b` or `(a, b)`.
    private static func names(in declaration: Substring) -> [String] {
      declaration.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
    }

    /// The labels of a parameter list, such as `(_:at:)`, and the text behind it.
    private static func list(_ text: Substring) -> (labels: String, rest: Substring) {
      var depth = 0, parameters: [Substring] = [], start = text.index(after: text.startIndex)
      for index in text.indices {
        switch text[index] {
        case ">" where text[..<index].last == "-": break
        case ",", ")":
          if depth == 1 {
            parameters.append(text[start..<index])
            start = text.index(after: index)
          }
          if text[index] == ")" { depth -= 1 }
        case "(", "[", "<": depth += 1
        case "]", ">": depth -= 1
        default: break
        }
        guard depth == 0 else { continue }
        let labels = parameters.filter { !$0.allSatisfy(\.isWhitespace) }.map { parameter in
          parameter.prefixMatch(of: /\s*(?:@\w+ +)*(\w+)[^:(]*:/).map { "\($0.1):" } ?? "_:"
        }
        return ("(\(labels.joined()))", text[text.index(after: index)...])
      }
      return ("()", "")
    }
  }

  /// Every module's sources, by its name.
  private static let sources: [String: [Source]] = {
    let root = SharedFolder.packageRoot.appending(path: "Sources").resolvingSymlinksInPath()
    let files =
      FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
    let sources = files.filter { $0.pathExtension == "swift" }.compactMap { file in
      let path = file.resolvingSymlinksInPath().path.dropFirst(root.path.count + 1)
      return try? Source(module: String(path.prefix { $0 != "/" }), file: file)
    }
    return Dictionary(grouping: sources, by: \.module)
  }()

  /// The files that a link in `source` may lead into: those of its module and of those that it imports.
  private func reach(of source: Source) -> [Source] {
    let imported = source.text.matches(of: /(?m)^(?:public )?import (\w+)/).map { String($0.1) }
    return ([source.module] + imported).flatMap { Self.sources[$0] ?? [] }
  }

  /// Whether a link's path is declared: its last name as a member in a file that declares or extends the type before.
  private func resolves(_ link: String, from source: Source) -> Bool {
    var path = link.split(separator: "/").map(String.init)
    let files = reach(of: source)
    if path.count > 1, Self.sources[path[0]] != nil { path.removeFirst() }
    guard let name = path.popLast() else { return false }
    guard let type = path.last else { return files.contains { $0.types.contains(name) || $0.members.contains(name) } }
    return files.contains { $0.types.contains(type) && ($0.members.contains(name) || $0.types.contains(name)) }
  }

  @Test(arguments: sources.keys.sorted()) func everyLinkOfAModuleIsDeclared(module: String) throws {
    for source in Self.sources[module] ?? [] {
      let comments = source.text.matches(of: /(?m)^\s*\/\/\/ ?(.*)$/).map { String($0.1) }.joined(separator: "\n")
      for link in comments.matches(of: /``([^`]+)``/).map({ String($0.1) }) {
        #expect(resolves(link, from: source), "\(module), \(source.name): \(link)")
      }
    }
  }

  @Test func whatIsDeclaredIsFoundAndOtherNamesAreNot() throws {
    let text = """
      public struct Box<Value> {
        public let width, height: Int
        let (a, b): (Int, Int)
        public init?(_ value: Value, at place: [Int: (Int) -> Void] = [:]) {}
        func read<Other>(_ other: Other, from place: inout (Int, Int), with body: (Int, Int) -> Void) -> Int { 0 }
        func end() {}
        subscript(_ place: Int) -> Int { place }
      }
      enum Fault { case first(file: String, Int), second }
      """
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "Box.swift")
      try text.write(to: file, atomically: true, encoding: .utf8)
      let source = try Source(module: "M", file: file)
      #expect(source.types == ["Box", "Fault"])
      let expected: Set = [
        "width", "height", "a", "b", "init", "init(_:at:)", "read", "read(_:from:with:)", "end", "end()", "subscript",
        "subscript(_:)", "first", "first(file:_:)", "second",
      ]
      #expect(expected.isSubset(of: source.members), "\(expected.subtracting(source.members))")
      #expect(source.members.isDisjoint(with: ["other", "place", "read(_:)", "end(_:)"]))
    }
  }
}
