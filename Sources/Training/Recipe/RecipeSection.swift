import Foundation
import Yams

/// A mapping of a recipe: a table of fields that reads it, checks it and writes it.
protocol RecipeSection: RecipeValue {
  /// A section with every default.
  init()
  /// The keys there are, in the order in which they are read and written.
  static var fields: [RecipeField<Self>] { get }
  /// Refuses, before unknown keys are, a value on which it depends what keys there are.
  static func examine(_ reader: RecipeReader) throws(RecipeError)
  /// Fills in what depends on other keys, and checks what concerns several.
  mutating func complete(_ reader: RecipeReader) throws(RecipeError)
  /// Whether the section, written, holds the key.
  func writes(_ key: String) -> Bool
}

extension RecipeSection {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self {
    guard let mapping = node.mapping else {
      throw location.wrongType(node, expected: "a mapping with keys such as `\(fields[0].key)`")
    }
    let reader = RecipeReader(mapping: mapping, location: location)
    try examine(reader)
    try reader.checkKeys(fields.map(\.key))
    var section = Self()
    for field in fields { try field.read(reader, &section) }
    try section.complete(reader)
    return section
  }

  var node: Node {
    Node(Self.fields.compactMap { field in field.write(self).map { (field.key.node, $0) } })
  }

  static func examine(_ reader: RecipeReader) throws(RecipeError) {}

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {}

  func writes(_ key: String) -> Bool { true }
}

/// The keys and values of one mapping of a recipe.
struct RecipeReader {
  let mapping: Node.Mapping
  /// Where the mapping itself is.
  let location: RecipeLocation

  /// The value of `key` with the location of the key; nil where the key is absent or null.
  func entry(_ key: String) -> (value: Node, location: RecipeLocation)? {
    mapping.first { $0.key.scalar?.string == key && !$0.value.isNull }
      .map { ($0.value, location.child(key, $0.key)) }
  }

  /// Whether the key is there and not null.
  func states(_ key: String) -> Bool { entry(key) != nil }

  /// Where `key` is stated, or else where the section is.
  func place(of key: String) -> RecipePlace { entry(key)?.location.place ?? location.place }

  /// The keys of the mapping under `key`; none where there is no mapping.
  func section(_ key: String) -> RecipeReader {
    let found = entry(key)
    return RecipeReader(mapping: found?.value.mapping ?? .init([]), location: found?.location ?? location)
  }

  /// Where each key is stated.
  var places: [String: RecipePlace] {
    let stated = mapping.compactMap { key, _ in key.scalar.map { ($0.string, location.child($0.string, key).place) } }
    return Dictionary(stated) { $1 }
  }

  /// Where a relative path under `key` starts from.
  func folder(of key: String) -> URL { entry(key)?.location.folder ?? location.folder }

  /// Refuses keys that are not in `known`.
  func checkKeys(_ known: [String]) throws(RecipeError) {
    for (key, _) in mapping {
      let name = key.scalar?.string ?? key.spokenKind
      guard !known.contains(name) else { continue }
      let location = location.child(name, key)
      throw .unknownKey(location.key, location.place, nearest: nearest(to: name, in: known))
    }
  }
}
