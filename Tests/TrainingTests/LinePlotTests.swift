import Foundation
import FoundationXML
import Testing

@testable import Training

/// SVG plots, read back by an XML parser.
struct LinePlotTests {
  /// The elements and texts of a drawing.
  private final class Drawing: NSObject, XMLParserDelegate {
    var elements: [(name: String, attributes: [String: String])] = []
    var texts: [String] = []
    private var isInText = false

    func parser(
      _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      elements.append((name, attributes))
      isInText = name == "text"
      if isInText { texts.append("") }
    }

    func parser(
      _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) { isInText = false }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
      if isInText { texts[texts.count - 1] += string }
    }

    func attributes(_ name: String) -> [[String: String]] { elements.filter { $0.name == name }.map(\.attributes) }
  }

  private func drawing(of plot: LinePlot) throws -> Drawing {
    let drawing = Drawing(), parser = XMLParser(data: Data(plot.svg.utf8))
    parser.delegate = drawing
    try #require(parser.parse(), "\(String(describing: parser.parserError))")
    return drawing
  }

  private func plot(_ lines: [LinePlot.Line], mark: LinePlot.Point = .init(0, 0), title: String = "t") -> LinePlot {
    LinePlot(title: title, xTitle: "λ", yTitle: "accuracy", lines: lines, mark: mark, markName: "best")
  }

  @Test func pointsLieWhereTheAxesSay() throws {
    let lines: [LinePlot.Line] = [
      .init(name: "rte", points: [.init(0, 0), .init(0.5, 50), .init(1, 100)]),
      .init(name: "mean", points: [.init(0, 20), .init(0.5, .nan), .init(1, 80)], isMain: true),
    ]
    let drawing = try drawing(of: plot(lines, mark: .init(0.5, 50)))
    // The plot's square begins at (70, 60) and is 480 wide and 300 high.
    #expect(
      drawing.attributes("polyline").map { $0["points"] } == [
        "70.00,360.00 310.00,210.00 550.00,60.00", "70.00,300.00 550.00,120.00",
      ])
    let ring = try #require(drawing.attributes("circle").first { $0["fill"] == "none" })
    #expect(ring["cx"] == "310.00" && ring["cy"] == "210.00")
    #expect(drawing.attributes("circle").count == 6)
    let ticks = ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "0", "20", "40", "60", "80", "100"]
    #expect(drawing.texts == ["t", "accuracy", "λ"] + ticks + ["rte", "mean", "best"])
    #expect(drawing.attributes("polyline").map { $0["stroke"] } == ["#3b82c4", "#808080"])
  }

  @Test func textIsEscaped() throws {
    let title = "a < b & \"c\" > d\u{1}"
    let drawing = try drawing(of: plot([.init(name: "<&>", points: [.init(0, 0)])], title: title))
    #expect(drawing.texts.first == "a < b & \"c\" > d " && drawing.texts.contains("<&>"))
  }

  @Test func manyLinesHaveRoomInTheLegendAndDashes() throws {
    let lines = (0..<30).map { LinePlot.Line(name: "task \($0)", points: [.init(0, 1), .init(1, Double($0))]) }
    let drawing = try drawing(of: plot(lines))
    #expect(drawing.attributes("svg").first?["height"] == "740.00")
    #expect(drawing.attributes("polyline").map { $0["stroke-dasharray"] }[5...6] == [nil, "4 3"])
    let looks = drawing.attributes("polyline").map { "\($0["stroke"] ?? "") \($0["stroke-dasharray"] ?? "")" }
    #expect(Set(looks).count == 30)
  }

  private static let axes: [([Double], [String])] = [
    ([0, 1], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ([91.2, 92.05], ["91.2", "91.4", "91.6", "91.8", "92.0", "92.2"]),
    ([-1, 1], ["-1.0", "-0.5", "0.0", "0.5", "1.0"]),
    ([3, 3], ["2.4", "2.6", "2.8", "3.0", "3.2", "3.4", "3.6"]),
    ([0], ["-0.6", "-0.4", "-0.2", "0.0", "0.2", "0.4", "0.6"]),
    ([1e9, 3e9], ["1e+09", "1.5e+09", "2e+09", "2.5e+09", "3e+09"]),
  ]

  @Test(arguments: axes.indices) func anAxisHasRoundNumbers(index: Int) {
    let (values, labels) = Self.axes[index], axis = PlotAxis(values)
    #expect(axis.ticks.map(axis.label) == labels)
    #expect(values.allSatisfy { (0...1).contains(axis.share($0)) })
  }
}
