import Foundation
import TestSupport
import Testing

/// What holds for the project's pages.
@Suite struct PageTests {
  /// Every page, by its path from the package's root folder.
  static let pages: [String] = {
    let docs = SharedFolder.packageRoot.appending(path: "docs")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: docs.path)) ?? []
    return ["README.md", "CONTRIBUTING.md", "launch/experiments/README.md"]
      + names.filter { $0.hasSuffix(".md") }.sorted().map { "docs/" + $0 }
  }()

  /// The anchor of a heading, as GitHub makes it.
  private func anchor(_ heading: String) -> String {
    heading.lowercased().filter { $0.isLetter || $0.isNumber || " -_".contains($0) }.replacing(" ", with: "-")
  }

  /// A link's target: a file, and an anchor in it.
  private func links(in page: MarkdownPage) -> [(text: String, path: String, anchor: String)] {
    page.lines.joined(separator: "\n").matches(of: /\[([^\]]+)\]\(([^)#\s]*)#?([^)\s]*)\)/)
      .map { (String($0.1), String($0.2), String($0.3)) }.filter { !$0.path.hasPrefix("http") }
  }

  @Test(arguments: pages) func everyLinkLeadsSomewhere(path: String) throws {
    let page = try MarkdownPage(path)
    let folder = page.file.deletingLastPathComponent()
    for link in links(in: page) {
      let target = link.path.isEmpty ? page.file : folder.appending(path: link.path).standardizedFileURL
      #expect(FileManager.default.fileExists(atPath: target.path), "\(path): \(link.path)")
      guard !link.anchor.isEmpty else { continue }
      let place = target.path.dropFirst(SharedFolder.packageRoot.path.count + 1)
      let anchors = try MarkdownPage(String(place)).headings.map(anchor)
      #expect(anchors.contains(link.anchor), "\(path): \(link.path)#\(link.anchor)")
    }
  }

  /// A link to a source file that is called by what the file declares.
  @Test(arguments: pages) func linksToSourcesNameWhatIsThere(path: String) throws {
    let page = try MarkdownPage(path)
    for link in links(in: page) where link.path.hasSuffix(".swift") && link.text.hasPrefix("`") {
      let name = link.text.trimmingCharacters(in: ["`"]).split(separator: "(")[0].split(separator: ".").last ?? ""
      let source = try String(
        contentsOf: page.file.deletingLastPathComponent().appending(path: link.path), encoding: .utf8)
      let declares = try Regex("\\b(struct|class|enum|protocol|func|var|let|case|extension|static) \(name)\\b")
      #expect(name == "init" || source.contains(declares), "\(path): \(link.text) in \(link.path)")
    }
  }

  @Test func theFrontPageStaysShort() throws {
    let text = try String(contentsOf: SharedFolder.packageRoot.appending(path: "README.md"), encoding: .utf8)
    #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 150)
  }

  @Test func everyPageIsLinkedFromTheFrontPage() throws {
    let linked = Set(links(in: try MarkdownPage("README.md")).map(\.path))
    #expect(linked.isSuperset(of: Self.pages.filter { $0.hasPrefix("docs/") || $0 == "CONTRIBUTING.md" }))
  }
}
