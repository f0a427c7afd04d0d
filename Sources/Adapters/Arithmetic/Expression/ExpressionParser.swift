import Foundation

/// Reads an expression from left to right, one method a line of ``AdapterExpression``'s grammar.
struct ExpressionParser {
  private let text: String
  private let characters: [Character]
  private let names: [String]
  /// What λ stands for; nil: it has no meaning.
  private let variable: Double?
  /// Whether λ has come.
  private(set) var usesVariable = false
  private var place = 0

  /// Parentheses inside one another at most, so that no text exhausts the stack.
  static let deepestNesting = 200
  private var depth = 0

  init(_ text: String, names: [String], variable: Double?) {
    // A line break would tear the caret from its character; word processors write U+2212 for a minus.
    characters = text.trimmingCharacters(in: .whitespacesAndNewlines).map {
      $0.isWhitespace ? " " : $0 == "\u{2212}" ? "-" : $0
    }
    (self.text, self.names, self.variable) = (String(characters), names, variable)
  }

  /// The whole text as one sum of adapters.
  mutating func wholeSum() throws(ExpressionError) -> LinearForm {
    skipSpace()
    guard place < characters.count else { throw error(.empty, at: 0) }
    let start = place, form = try sum()
    if let character = next { throw error(.unexpected(character), at: place) }
    guard !form.isNumber else { throw error(.onlyNumbers, at: start) }
    guard usesVariable || variable == nil else { throw error(.noVariable, at: start) }
    return form
  }

  private mutating func sum() throws(ExpressionError) -> LinearForm {
    var start = place
    var result = try product()
    while let sign = take(["+", "-"]) {
      let next = place, right = try product()
      guard right.isNumber == result.isNumber else {
        throw error(.numberAmongAdapters, at: right.isNumber ? next : start)
      }
      start = next
      result = try finite(result + right.scaled(by: sign == "-" ? -1 : 1), at: next)
    }
    return result
  }

  private mutating func product() throws(ExpressionError) -> LinearForm {
    var result = try factor()
    while let sign = take(["*", "/"]) {
      let start = place, right = try factor()
      if sign == "/" {
        guard right.isNumber else { throw error(.divisionByAdapter, at: start) }
        guard right.number != 0 else { throw error(.divisionByZero, at: start) }
        result = result.scaled(by: 1 / right.number)
      } else if right.isNumber {
        result = result.scaled(by: right.number)
      } else {
        guard result.isNumber else { throw error(.productOfAdapters, at: start) }
        result = right.scaled(by: result.number)
      }
      result = try finite(result, at: start)
    }
    return result
  }

  private mutating func factor() throws(ExpressionError) -> LinearForm {
    var sign = 1.0
    while let character = take(["+", "-"]) { sign = character == "-" ? -sign : sign }
    guard let character = next else { throw error(.endsTooSoon, at: characters.count) }
    if character == "(" { return try parenthesis().scaled(by: sign) }
    if character.isLetter || character == "_" { return try name().scaled(by: sign) }
    if Self.isDigit(character) || character == "." { return try number().scaled(by: sign) }
    throw error(.unexpected(character), at: place)
  }

  private mutating func parenthesis() throws(ExpressionError) -> LinearForm {
    let start = place
    guard depth < Self.deepestNesting else { throw error(.nestedTooDeeply, at: place) }
    depth += 1
    defer { depth -= 1 }
    _ = take(["("])
    let form = try sum()
    guard take([")"]) != nil else {
      if let character = next { throw error(.unexpected(character), at: place) }
      throw error(.notClosed, at: start)
    }
    return form
  }

  private mutating func name() throws(ExpressionError) -> LinearForm {
    let start = place
    let name = text(while: { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." })
    skipSpace()
    if AdapterExpression.variableNames.contains(name) {
      guard let variable else { throw error(.variableOutsideSearch(name), at: start) }
      usesVariable = true
      return LinearForm(number: variable)
    }
    guard names.contains(name) else { throw error(.unknownName(name, known: names), at: start) }
    return LinearForm(name: name)
  }

  private mutating func number() throws(ExpressionError) -> LinearForm {
    let start = place
    var digits = text(while: { Self.isDigit($0) || $0 == "." })
    if let mark = next, mark == "e" || mark == "E" {
      digits += text(while: { $0 == "e" || $0 == "E" })
      digits += text(while: { $0 == "+" || $0 == "-" }) + text(while: Self.isDigit)
    }
    guard let value = Double(digits) else { throw error(.unreadableNumber(digits), at: start) }
    skipSpace()
    return try finite(LinearForm(number: value), at: start)
  }

  // MARK: Characters

  private static func isDigit(_ character: Character) -> Bool { ("0"..."9").contains(character) }

  private var next: Character? { place < characters.count ? characters[place] : nil }

  private mutating func skipSpace() {
    while place < characters.count, characters[place].isWhitespace { place += 1 }
  }

  /// Goes past one of `wanted`, and the space behind it.
  private mutating func take(_ wanted: [Character]) -> Character? {
    guard let character = next, wanted.contains(character) else { return nil }
    place += 1
    skipSpace()
    return character
  }

  private mutating func text(while belongs: (Character) -> Bool) -> String {
    let start = place
    while place < characters.count, belongs(characters[place]) { place += 1 }
    return String(characters[start..<place])
  }

  private func finite(_ form: LinearForm, at place: Int) throws(ExpressionError) -> LinearForm {
    guard form.number.isFinite, form.terms.allSatisfy(\.weight.isFinite) else { throw error(.tooLarge, at: place) }
    return form
  }

  private func error(_ fault: ExpressionError.Fault, at offset: Int) -> ExpressionError {
    ExpressionError(fault, in: text, at: offset)
  }
}
