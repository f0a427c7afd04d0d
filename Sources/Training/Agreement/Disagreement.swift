/// Ranks of a job that have not the same program, recipe, files or processors: told before anything is done.
public struct Disagreement: Error, Sendable, Equatable, CustomStringConvertible {
  /// One thing that some ranks have otherwise than rank 0.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    public let kind: Fact.Kind
    /// Who has what, and what rank 0 has, in one line.
    public let description: String
  }

  /// At least one.
  public let differences: [Difference]

  /// Errors show so many lines at most.
  private static let lineLimit = 16

  /// What kind of difference decides how the program ends: the first.
  public var kind: Fact.Kind { differences[0].kind }

  public var description: String {
    let remedies = Fact.Kind.allCases.filter { kind in differences.contains { $0.kind == kind } }.map(\.remedy)
    let distinct = remedies.enumerated().filter { !remedies[..<$0.offset].contains($0.element) }.map(\.element)
    let start = "the ranks do not agree, so nothing was started: "
    guard differences.count > 1 else { return start + "\(differences[0]). " + distinct.joined(separator: " ") }
    var lines = differences.prefix(Self.lineLimit).map { "  \($0)" }
    if differences.count > Self.lineLimit { lines.append("  and \(differences.count - Self.lineLimit) more") }
    return ([start.trimmingSuffix(" ")] + lines + distinct).joined(separator: "\n")
  }
}

extension Fact.Kind {
  /// What to do about a difference.
  fileprivate var remedy: String {
    switch self {
    case .program:
      "Install the same program and the same packages on every host, such as by copying the checkout with its .build."
    case .processor, .kernels:
      "Other processors or kernels round otherwise, so that the result would not have the bits of either: leave these "
        + "hosts out (or give all the same libraries, POLYAD_CORETYPE and POLYAD_MATMUL), or go on with "
        + "--allow-mixed-processors."
    case .recipe:
      "Start every rank with the same recipe and options: copy the recipe to every host, or share its folder."
    case .data: "Copy the data to every host, or share its folder."
    case .model, .tokenizer, .adapter: "Copy rank 0's files to every host, or share their folder."
    }
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: Character) -> String { last == suffix ? String(dropLast()) : self }
}
