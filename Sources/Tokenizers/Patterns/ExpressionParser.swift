/// A node of a regular expression.
indirect enum ExpressionNode: Sendable {
  case set(ScalarSet)
  case sequence([ExpressionNode])
  case alternatives([ExpressionNode])
  case lookahead(ExpressionNode, isNegated: Bool)
  case repetition(ExpressionNode, atLeast: Int, atMost: Int, mode: RepetitionMode)

  /// Whether the node matches without taking a scalar.
  var matchesNothing: Bool {
    switch self {
    case .set: false
    case .sequence(let parts): parts.allSatisfy(\.matchesNothing)
    case .alternatives(let parts): parts.contains(where: \.matchesNothing)
    case .lookahead: true
    case .repetition(let part, let least, _, _): least == 0 || part.matchesNothing
    }
  }
}

/// How a repetition tries its counts.
enum RepetitionMode: Sendable {
  /// Most first.
  case greedy
  /// Fewest first.
  case lazy
  /// Most only.
  case possessive
}

/// Reads the regular expressions that tokenizers use, in Oniguruma's default (Ruby's) syntax: alternatives, groups,
/// classes, categories, lookahead, repetitions, and small and capital ASCII letters for each other.
struct ExpressionParser {
  /// Something that is not read here.
  struct Unsupported: Error {
    let what: String
  }

  /// Deeper groups are refused, so that a hostile file cannot exhaust the stack.
  private static let deepestNesting = 64

  private let scalars: [Unicode.Scalar]
  private var position = 0
  /// How many groups `position` is in.
  private var depth = 0
  private var ignoresCase = false

  private init(_ text: String) {
    scalars = Array(text.unicodeScalars)
  }

  /// The node of `text`, all of it.
  static func node(of text: String) throws(Unsupported) -> ExpressionNode {
    var parser = ExpressionParser(text)
    let node = try parser.alternatives()
    guard parser.position == parser.scalars.count else { throw Unsupported(what: "a ) without its (") }
    return node
  }

  private var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  private mutating func take(_ text: String) -> Bool {
    let expected = Array(text.unicodeScalars)
    guard scalars[position...].starts(with: expected) else { return false }
    position += expected.count
    return true
  }

  private mutating func alternatives() throws(Unsupported) -> ExpressionNode {
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    var parts = [try sequence()]
    while take("|") { parts.append(try sequence()) }
    return parts.count == 1 ? parts[0] : .alternatives(parts)
  }

  private mutating func sequence() throws(Unsupported) -> ExpressionNode {
    var parts: [ExpressionNode] = []
    var previousLetter: Unicode.Scalar?
    while let scalar = next, scalar != "|", scalar != ")" {
      if ignoresCase { try checkFolding(previousLetter, scalar) }
      previousLetter = scalar
      if position == 0, take("(?i)") {
        ignoresCase = true
        continue
      }
      parts.append(try repeated(try atom()))
    }
    return .sequence(parts)
  }

  /// Letters that Unicode's case folding also finds in one scalar (ß, ﬁ, ŉ and the like) would match more than here.
  private func checkFolding(_ first: Unicode.Scalar?, _ second: Unicode.Scalar) throws(Unsupported) {
    guard second.isASCII else { throw Unsupported(what: "\"\(second)\" in either case") }
    guard let first else { return }
    let pair = String(String.UnicodeScalarView([first, second])).lowercased()
    if ["ss", "st", "ff", "fi", "fl"].contains(pair) { throw Unsupported(what: "\"\(pair)\" in either case") }
  }

  private mutating func atom() throws(Unsupported) -> ExpressionNode {
    let scalar = scalars[position]
    switch scalar {
    case "(": return try group()
    case "[": return .set(try bracketedSet())
    case "\\": return .set(ScalarSet([try escape(isInBrackets: false)]))
    case ".":
      position += 1
      return .set(ScalarSet([.init(kind: .range(0x0A...0x0A))], isNegated: true))
    case "^", "$", "*", "+", "?", "{": throw Unsupported(what: "\"\(scalar)\" here")
    default:
      position += 1
      return .set(literal(scalar))
    }
  }

  private func literal(_ scalar: Unicode.Scalar) -> ScalarSet {
    let value = scalar.value
    var members = [ScalarSet.Member(kind: .range(value...value))]
    if ignoresCase, (value | 0x20) &- 0x61 < 26 {
      members.append(.init(kind: .range((value ^ 0x20)...(value ^ 0x20))))
      // The long s and the Kelvin sign fold to ASCII letters.
      if value | 0x20 == 0x73 { members.append(.init(kind: .range(0x17F...0x17F))) }
      if value | 0x20 == 0x6B { members.append(.init(kind: .range(0x212A...0x212A))) }
    }
    return ScalarSet(members)
  }

  private mutating func group() throws(Unsupported) -> ExpressionNode {
    let outerCase = ignoresCase
    defer { ignoresCase = outerCase }
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepestNesting else {
      throw Unsupported(what: "groups nested deeper than \(Self.deepestNesting)")
    }
    var lookahead: Bool?
    if take("(?:") {
    } else if take("(?i:") {
      ignoresCase = true
    } else if take("(?=") {
      lookahead = false
    } else if take("(?!") {
      lookahead = true
    } else if take("(?") {
      throw Unsupported(what: "the group \"(?\(next.map(String.init) ?? "")\"")
    } else {
      position += 1
    }
    let node = try alternatives()
    guard take(")") else { throw Unsupported(what: "a ( without its )") }
    return lookahead.map { .lookahead(node, isNegated: $0) } ?? node
  }

  // MARK: - Repetitions

  private mutating func repeated(_ node: ExpressionNode) throws(Unsupported) -> ExpressionNode {
    var (least, most) = (0, Int.max)
    var isInterval = false
    if take("*") {
    } else if take("+") {
      least = 1
    } else if take("?") {
      most = 1
    } else if take("{") {
      isInterval = true
      (least, most) = try interval()
    } else {
      return node
    }
    guard most == 1 || !node.matchesNothing else { throw Unsupported(what: "a repetition of what may match nothing") }
    var mode = RepetitionMode.greedy
    // After {n} Ruby reads ? and + differently.
    if !isInterval, take("?") { mode = .lazy } else if !isInterval, take("+") { mode = .possessive }
    if let next, "*+?{".unicodeScalars.contains(next) { throw Unsupported(what: "a repetition of a repetition") }
    return .repetition(node, atLeast: least, atMost: most, mode: mode)
  }

  /// `n}`, `n,}` or `n,m}`.
  private mutating func interval() throws(Unsupported) -> (Int, Int) {
    let least = number()
    let isOpen = take(",")
    let most = isOpen ? number() : least
    guard let least, most ?? least >= least, most ?? least < 1000, take("}") else {
      throw Unsupported(what: "this form of { }")
    }
    return (least, most ?? Int.max)
  }

  private mutating func number() -> Int? {
    let start = position
    while let next, next.isASCII, next.properties.numericType != nil { position += 1 }
    return Int(String(String.UnicodeScalarView(scalars[start..<position])))
  }

  // MARK: - Sets

  private mutating func bracketedSet() throws(Unsupported) -> ScalarSet {
    position += 1
    let isNegated = take("^")
    var members: [ScalarSet.Member] = []
    while let scalar = next, scalar != "]" {
      if scalar == "[" || take("&&") { throw Unsupported(what: "a class within a class") }
      if ignoresCase, !scalar.isASCII || (scalar.value | 0x20) &- 0x61 < 26 {
        throw Unsupported(what: "a class of letters in either case")
      }
      let first = try setMember()
      if next == "-", position + 1 < scalars.count, scalars[position + 1] != "]" {
        position += 1
        guard case .range(let low) = first.kind, case .range(let high) = try setMember().kind,
          low.lowerBound <= high.upperBound
        else { throw Unsupported(what: "this range in a class") }
        members.append(.init(kind: .range(low.lowerBound...high.upperBound)))
      } else {
        members.append(first)
      }
    }
    guard !members.isEmpty, take("]") else { throw Unsupported(what: "a [ without its ]") }
    return ScalarSet(members, isNegated: isNegated)
  }

  private mutating func setMember() throws(Unsupported) -> ScalarSet.Member {
    guard let scalar = next else { throw Unsupported(what: "a [ without its ]") }
    if scalar == "\\" { return try escape(isInBrackets: true) }
    position += 1
    return .init(kind: .range(scalar.value...scalar.value))
  }

  /// What a backslash and its letter stand for.
  private mutating func escape(isInBrackets: Bool) throws(Unsupported) -> ScalarSet.Member {
    position += 1
    guard let letter = next else { throw Unsupported(what: "a backslash at the end") }
    position += 1
    switch letter {
    case "s": return .init(kind: .space)
    case "S": return .init(kind: .space, isNegated: true)
    case "w": return .init(kind: .word(isInBrackets: isInBrackets))
    case "W": return .init(kind: .word(isInBrackets: isInBrackets), isNegated: true)
    case "d": return .init(kind: .categories(CategorySet(named: "Nd")!))
    case "D": return .init(kind: .categories(CategorySet(named: "Nd")!), isNegated: true)
    case "p": return .init(kind: .categories(try category()))
    case "P": return .init(kind: .categories(try category()), isNegated: true)
    case "r": return Self.single("\r")
    case "n": return Self.single("\n")
    case "t": return Self.single("\t")
    case "f": return Self.single("\u{C}")
    case "v": return Self.single("\u{B}")
    default:
      guard letter.isASCII, letter.isPunctuation || letter == " " else { throw Unsupported(what: "\"\\\(letter)\"") }
      return Self.single(letter)
    }
  }

  private static func single(_ scalar: Unicode.Scalar) -> ScalarSet.Member {
    .init(kind: .range(scalar.value...scalar.value))
  }

  /// The category in `{L}`.
  private mutating func category() throws(Unsupported) -> CategorySet {
    guard take("{"), let end = scalars[position...].firstIndex(of: "}") else {
      throw Unsupported(what: "\"\\p\" without { }")
    }
    let name = String(String.UnicodeScalarView(scalars[position..<end]))
    position = end + 1
    guard let categories = CategorySet(named: name) else { throw Unsupported(what: "\"\\p{\(name)}\"") }
    return categories
  }
}
