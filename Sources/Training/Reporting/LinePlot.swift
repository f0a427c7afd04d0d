import Foundation

/// Lines over an axis as an SVG of its own, in mid tones that are readable on white and on dark grounds.
public struct LinePlot: Sendable {
  public struct Point: Sendable, Equatable {
    public let x, y: Double

    public init(_ x: Double, _ y: Double) { (self.x, self.y) = (x, y) }

    var isFinite: Bool { x.isFinite && y.isFinite }
  }

  public struct Line: Sendable {
    let name: String
    /// In ascending order of x; those that are not finite are left out.
    let points: [Point]
    /// Whether it is the one to look at: grey and thicker.
    let isMain: Bool

    public init(name: String, points: [Point], isMain: Bool = false) {
      (self.name, self.points, self.isMain) = (name, points.filter(\.isFinite), isMain)
    }
  }

  let title, xTitle, yTitle: String
  let lines: [Line]
  /// A point with a ring around it, if there is one, and what it is called, or what else the legend says.
  let mark: Point?
  let markName: String

  public init(
    title: String, xTitle: String, yTitle: String, lines: [Line], mark: Point? = nil, markName: String = ""
  ) {
    (self.title, self.xTitle, self.yTitle) = (title, xTitle, yTitle)
    (self.lines, self.mark, self.markName) = (lines, mark, markName)
  }

  private static let ink = "#808080", left = 70.0, top = 60.0, width = 480.0, rowHeight = 20.0
  private static let colours = ["#3b82c4", "#d9601a", "#2e9e6b", "#b85cb8", "#a8862d", "#d9486e"]

  /// Below it the legend has no room beside the plot.
  private var height: Double { max(300, Double(lines.count + 1) * Self.rowHeight) }
  private var legendLeft: Double { Self.left + Self.width + 30 }
  private var xAxis: PlotAxis { PlotAxis(lines.flatMap(\.points).map(\.x)) }
  private var yAxis: PlotAxis { PlotAxis(lines.flatMap(\.points).map(\.y)) }

  /// The file's text.
  public var svg: String {
    let longest = (lines.map(\.name) + [markName]).map(\.count).max() ?? 0
    // Half the font's size is about the width of a character.
    let size = (legendLeft + 40 + 7.5 * Double(longest), Self.top + height + 60)
    let head = """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.text(size.0)) \(Self.text(size.1))" \
      width="\(Self.text(size.0))" height="\(Self.text(size.1))" font-family="sans-serif" font-size="13" \
      fill="\(Self.ink)">
      """
    let (x, y) = (xAxis, yAxis)
    let drawings = lines.enumerated().map { drawing(of: $1, colour: colour($0), dashes: dashes($0), x, y) }
    let rings = [mark].compactMap(\.self).map { mark in
      let ring = place(mark, x, y)
      return
        #"<circle cx="\#(ring.x)" cy="\#(ring.y)" r="8" fill="none" stroke="\#(Self.ink)" stroke-width="2"/>"#
    }
    return ([head] + titles + axes(x, y) + drawings + rings + legend + ["</svg>"]).joined(separator: "\n") + "\n"
  }

  // MARK: Parts

  private var titles: [String] {
    [
      Self.label(title, Self.left, 24, #" font-size="15""#), Self.label(yTitle, Self.left, Self.top - 14),
      Self.label(xTitle, Self.left + Self.width / 2, Self.top + height + 44, #" text-anchor="middle""#),
    ]
  }

  private func axes(_ x: PlotAxis, _ y: PlotAxis) -> [String] {
    let bottom = Self.top + height
    let upright = x.ticks.flatMap { tick in
      let place = Self.left + Self.width * x.share(tick)
      return [
        Self.stroke(place, Self.top, place, bottom, opacity: 0.25),
        Self.label(x.label(tick), place, bottom + 20, #" text-anchor="middle""#),
      ]
    }
    let level = y.ticks.flatMap { tick in
      let place = bottom - height * y.share(tick)
      return [
        Self.stroke(Self.left, place, Self.left + Self.width, place, opacity: 0.25),
        Self.label(y.label(tick), Self.left - 8, place + 4, #" text-anchor="end""#),
      ]
    }
    return upright + level + [
      Self.stroke(Self.left, bottom, Self.left + Self.width, bottom, opacity: 1),
      Self.stroke(Self.left, Self.top, Self.left, bottom, opacity: 1),
    ]
  }

  private func drawing(of line: Line, colour: String, dashes: String, _ x: PlotAxis, _ y: PlotAxis) -> String {
    let places = line.points.map { place($0, x, y) }
    let path = places.map { "\($0.x),\($0.y)" }.joined(separator: " ")
    let width = line.isMain ? 3 : 1.5
    let dots = places.map { #"<circle cx="\#($0.x)" cy="\#($0.y)" r="\#(line.isMain ? 4 : 3)" fill="\#(colour)"/>"# }
    let polyline = #"<polyline points="\#(path)" fill="none" stroke="\#(colour)" stroke-width="\#(width)"\#(dashes)/>"#
    return ([polyline] + dots).joined(separator: "\n")
  }

  private var legend: [String] {
    let rows = lines.enumerated().flatMap { row, line in
      let place = Self.top + Double(row) * Self.rowHeight + 6
      return [
        Self.stroke(
          legendLeft, place, legendLeft + 24, place, opacity: 1, colour: colour(row), width: line.isMain ? 3 : 1.5,
          dashes: dashes(row)),
        Self.label(line.name, legendLeft + 32, place + 4),
      ]
    }
    guard !markName.isEmpty else { return rows }
    return rows + [Self.label(markName, legendLeft, Self.top + Double(lines.count) * Self.rowHeight + 14)]
  }

  // MARK: Elements

  private func colour(_ place: Int) -> String {
    lines[place].isMain ? Self.ink : Self.colours[place % Self.colours.count]
  }

  /// Colours that come again have dashes.
  private func dashes(_ place: Int) -> String {
    let turn = place / Self.colours.count
    return turn == 0 || lines[place].isMain ? "" : #" stroke-dasharray="\#(4 * turn) 3""#
  }

  /// A point's coordinates in the drawing.
  private func place(_ point: Point, _ x: PlotAxis, _ y: PlotAxis) -> (x: String, y: String) {
    (Self.text(Self.left + Self.width * x.share(point.x)), Self.text(Self.top + height * (1 - y.share(point.y))))
  }

  private static func stroke(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, opacity: Double, colour: String = ink, width: Double = 1,
    dashes: String = ""
  ) -> String {
    #"<line x1="\#(text(x1))" y1="\#(text(y1))" x2="\#(text(x2))" y2="\#(text(y2))" stroke="\#(colour)" "#
      + #"stroke-width="\#(width)" stroke-opacity="\#(opacity)"\#(dashes)/>"#
  }

  private static func label(_ content: String, _ x: Double, _ y: Double, _ attributes: String = "") -> String {
    #"<text x="\#(text(x))" y="\#(text(y))"\#(attributes)>\#(escaped(content))</text>"#
  }

  private static func text(_ number: Double) -> String { String(format: "%.2f", number) }

  /// Text without what means something to XML, or is no character of it.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case _ where scalar.value < 0x20 || [0xfffe, 0xffff].contains(scalar.value): result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
