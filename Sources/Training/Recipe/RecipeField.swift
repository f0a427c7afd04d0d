import Yams

/// One key of a section: how it is read, checked and written.
struct RecipeField<Section: RecipeSection> {
  let key: String
  /// Sets the section's property from the key, if it is stated.
  let read: (RecipeReader, inout Section) throws(RecipeError) -> Void
  /// The property as YAML; nil where the key means nothing for this section.
  let write: (Section) -> Node?
  /// What the key needs of the model to have an effect; nil: nothing that a model can lack.
  private(set) var need: ModelNeed?
  /// Whether the property is another than that of a new section; of a key with a ``need``.
  private(set) var differsFromDefault: (Section) -> Bool = { _ in false }

  /// A key with a default, or a required one.
  ///
  /// - Parameters:
  ///   - mustBe: What a value has to be, in words and as a predicate.
  ///   - conflict: What in the section the key does not go with, if anything. Sees the keys before this one.
  init<Value: RecipeValue>(
    _ key: String, _ path: WritableKeyPath<Section, Value>, isRequired: Bool = false,
    mustBe limit: RecipeLimit<Value>? = nil, conflict: @escaping (Section) -> String? = { _ in nil }
  ) {
    self.key = key
    read = { (reader, section) throws(RecipeError) in
      if let value: Value = try Self.value(of: key, reader, limit, conflict(section)) {
        section[keyPath: path] = value
      } else if isRequired {
        throw .missingKey(reader.location.path(key), reader.location.place)
      }
    }
    write = { $0.writes(key) && conflict($0) == nil ? $0[keyPath: path].node : nil }
  }

  /// A key that may be null. Left out, it has the section's default.
  init<Value: RecipeValue>(
    _ key: String, _ path: WritableKeyPath<Section, Value?>, mustBe limit: RecipeLimit<Value>? = nil,
    conflict: @escaping (Section) -> String? = { _ in nil }
  ) {
    self.key = key
    read = { (reader, section) throws(RecipeError) in
      let value: Value? = try Self.value(of: key, reader, limit, conflict(section))
      if reader.mapping.contains(where: { $0.key.scalar?.string == key }) { section[keyPath: path] = value }
    }
    write = { section in
      guard section.writes(key), conflict(section) == nil else { return nil }
      return section[keyPath: path].map(\.node) ?? Node("null", .implicit, .plain)
    }
  }

  /// The field, of a key that models may have no use for.
  func needing<Value: Equatable>(_ need: ModelNeed, _ path: WritableKeyPath<Section, Value>) -> Self {
    var field = self
    field.need = need
    field.differsFromDefault = { $0[keyPath: path] != Section()[keyPath: path] }
    return field
  }

  /// A key that has had its effect before the section is read, and is not written.
  init(readBefore key: String) {
    self.key = key
    read = { (_, _) throws(RecipeError) in }
    write = { _ in nil }
  }

  private static func value<Value: RecipeValue>(
    of key: String, _ reader: RecipeReader, _ limit: RecipeLimit<Value>?, _ conflict: String?
  ) throws(RecipeError) -> Value? {
    guard let (node, location) = reader.entry(key) else { return nil }
    if let conflict { throw .notApplicable(key: location.key, location.place, with: conflict) }
    let value = try Value.read(node, at: location)
    if let limit, !limit.isMet(value) {
      let found = RecipeYAML.line(node)
      throw .outOfRange(key: location.key, location.place, found: found, requirement: limit.text)
    }
    return value
  }
}

/// What a value has to be.
struct RecipeLimit<Value> {
  let text: String
  let isMet: (Value) -> Bool

  init(_ text: String, _ isMet: @escaping (Value) -> Bool) {
    self.text = text
    self.isMet = isMet
  }
}

extension RecipeLimit where Value: Comparable & ExpressibleByIntegerLiteral {
  static var positive: Self { Self("above 0") { $0 > 0 } }
  static var notNegative: Self { Self("0 or above") { $0 >= 0 } }
  /// At least 0 and below 1.
  static var properShare: Self { Self("at least 0 and below 1") { $0 >= 0 && $0 < 1 } }
  /// At least 0 and at most 1.
  static var share: Self { Self("between 0 and 1") { $0 >= 0 && $0 <= 1 } }
}

extension RecipeLimit where Value == Int {
  static var atLeastOne: Self { Self("1 or more") { $0 >= 1 } }
  static func within(_ range: ClosedRange<Int>) -> Self {
    Self("from \(range.lowerBound) to \(range.upperBound)", range.contains)
  }
}

extension RecipeLimit where Value: Collection {
  static var notEmpty: Self { Self("not empty") { !$0.isEmpty } }
}
