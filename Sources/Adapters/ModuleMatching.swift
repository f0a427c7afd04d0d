import Foundation

extension ModulePattern {
  /// The patterns one by one, for tables and errors.
  public var parts: [String] {
    switch self {
    case .endings(let names): return names
    case .expression(let text): return [text]
    }
  }

  /// Which of `paths` the pattern selects, as PEFT does: a list matches whole names or endings after a dot, an
  /// expression must match the whole path, and the expression `all-linear` selects every linear map.
  ///
  /// - Throws: ``AdapterError/invalidPattern(_:reason:)``.
  public func matches(_ paths: [String]) throws -> Set<String> {
    try parts.reduce(into: []) { $0.formUnion(try matches(part: $1, paths)) }
  }

  /// Which of `paths` one of ``parts`` selects.
  public func matches(part: String, _ paths: [String]) throws -> [String] {
    switch self {
    case .endings: return paths.filter { $0 == part || $0.hasSuffix("." + part) }
    case .expression("all-linear"): return paths
    case .expression(let text):
      let expression = try Self.compile("^(?:\(text))$", shown: text)
      return paths.filter { expression.matches($0) }
    }
  }

  fileprivate static func compile(_ text: String, shown: String) throws -> NSRegularExpression {
    do { return try NSRegularExpression(pattern: text) } catch {
      throw AdapterError.invalidPattern(shown, reason: "it does not compile")
    }
  }
}

extension NSRegularExpression {
  fileprivate func matches(_ text: String) -> Bool {
    firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
  }
}

extension PatternValue {
  /// Whether the pattern is the end of a module's path, after a dot.
  ///
  /// - Throws: ``AdapterError/invalidPattern(_:reason:)``.
  func fits(_ path: String) throws -> Bool {
    try ModulePattern.compile("^(?:.*\\.)?(?:\(pattern))$", shown: pattern).matches(path)
  }
}

/// The value of the pattern that fits a module's path: PEFT's rank_pattern and alpha_pattern, whose keys are regular
/// expressions for the end of the path.
///
/// PEFT lets the first that fits decide, but a JSON object's order is lost in many programs, so two patterns that say
/// different things about one module are an error.
///
/// - Throws: ``AdapterError/invalidPattern(_:reason:)`` or ``AdapterError/ambiguousPatterns(_:_:module:)``.
func patternValue<Value: Equatable>(_ patterns: [PatternValue<Value>], path: String) throws -> Value? {
  let fitting = try patterns.filter { try $0.fits(path) }
  guard let first = fitting.first else { return nil }
  if let other = fitting.first(where: { $0.value != first.value }) {
    throw AdapterError.ambiguousPatterns(first.pattern, other.pattern, module: path)
  }
  return first.value
}
