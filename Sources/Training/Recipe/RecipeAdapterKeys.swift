import Adapters
import Yams

extension Recipe.Adapter: RecipeSection {
  static var fields: [RecipeField<Self>] {
    // With init_from the saved adapter decides what goes together: see `reconciled(with:)`.
    func unless(_ isKnown: @escaping (PEFTType) -> Bool) -> (Self) -> String? {
      { adapter in
        let peftType = adapter.configuration.peftType
        return adapter.initFrom != nil || isKnown(peftType) ? nil : "peft_type \(peftType.rawValue)"
      }
    }
    let fresh: (Self) -> String? = { $0.initFrom == nil ? "an adapter without init_from" : nil }
    return [
      .init("init_from", \.initFrom, mustBe: .notEmpty),
      .init("new_tasks", \.newTasks, conflict: fresh),
      .init("train", \.trainedPart, conflict: fresh),
      .init("peft_type", \.configuration.peftType),
      .init("init_seed", \.initSeed, mustBe: .notNegative, conflict: { $0.initFrom.map { _ in "init_from" } }),
      .init("target_modules", \.configuration.targetModules, conflict: unless { $0 != .full }),
      .init("modules_to_save", \.configuration.modulesToSave, conflict: unless { $0 != .full }),
    ] + AdapterKey.all.map { key in RecipeField(key, conflict: unless { $0.reads(key) }) }
  }

  static func examine(_ reader: RecipeReader) throws(RecipeError) {
    // The keys of a method that is not supported are unknown too, but the method is what the author has to hear about.
    if let (value, location) = reader.entry("peft_type") { _ = try PEFTType.read(value, at: location) }
  }

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {
    guard let initFrom else {
      if reader.states("peft_type") { return }
      throw .missingKey(reader.location.path("peft_type"), reader.location.place)
    }
    self.initFrom = RecipePath.absolute(initFrom, in: reader.folder(of: "init_from"))
    guard !reader.states("peft_type") || configuration.peftType != .full else {
      let key = reader.location.path("init_from")
      throw .notApplicable(key: key, reader.place(of: "init_from"), with: "peft_type FULL")
    }
    statedKeys = Set(Self.fields.map(\.key).filter(reader.states))
  }

  func writes(_ key: String) -> Bool { initFrom == nil || statedKeys.contains(key) }
}

extension RecipeField<Recipe.Adapter> {
  /// A key of the methods' table.
  init(_ key: AdapterKey, conflict: @escaping (Recipe.Adapter) -> String?) {
    let configuration: WritableKeyPath<Recipe.Adapter, AdapterConfiguration> = \.configuration
    switch key.storage {
    case .integer(let path, let range):
      self.init(key.name, configuration.appending(path: path), mustBe: .within(range), conflict: conflict)
    case .number(let path, let limit):
      self.init(
        key.name, configuration.appending(path: path), mustBe: .init(limit.text, limit.contains),
        conflict: conflict)
    case .flag(let path): self.init(key.name, configuration.appending(path: path), conflict: conflict)
    case .modules(let path): self.init(key.name, configuration.appending(path: path), conflict: conflict)
    case .ranks(let path, let range):
      self.init(
        key.name, \.[patterns: path],
        mustBe: .init("a mapping to ranks from \(range.lowerBound) to \(range.upperBound)") {
          $0.patterns.allSatisfy { range.contains($0.value) }
        }, conflict: conflict)
    case .numbers(let path):
      self.init(
        key.name, \.[patterns: path],
        mustBe: .init("a mapping to numbers above 0") { $0.patterns.allSatisfy { $0.value > 0 } }, conflict: conflict)
    }
  }
}

extension PEFTType: RecipeChoice {}
extension TrainedPart: RecipeChoice {}

extension ModulePattern: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self {
    if node.scalar != nil { return .expression(try String.read(node, at: location)) }
    guard node.sequence != nil else {
      throw location.wrongType(node, expected: "a list of module names or one regular expression")
    }
    return .endings(try [String].read(node, at: location))
  }

  var node: Node {
    switch self {
    case .endings(let names): names.node
    case .expression(let expression): expression.node
    }
  }
}

/// The mapping behind `rank_pattern` and `alpha_pattern`, in the recipe's order.
struct PatternMapping<Value: RecipeValue & Sendable & Equatable>: RecipeValue {
  var patterns: [PatternValue<Value>]

  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> Self {
    guard let mapping = node.mapping else {
      throw location.wrongType(node, expected: "a mapping of patterns to numbers")
    }
    var result = Self(patterns: [])
    for (key, value) in mapping {
      let pattern = try String.read(key, at: location)
      let value = try Value.read(value, at: location.child(pattern, key))
      result.patterns.append(PatternValue(pattern: pattern, value: value))
    }
    return result
  }

  var node: Node { Node(patterns.map { ($0.pattern.node, $0.value.node) }) }
}

extension Recipe.Adapter {
  fileprivate subscript<Value: RecipeValue & Sendable & Equatable>(
    patterns path: WritableKeyPath<AdapterConfiguration, [PatternValue<Value>]> & Sendable
  ) -> PatternMapping<Value> {
    get { PatternMapping(patterns: configuration[keyPath: path]) }
    set { configuration[keyPath: path] = newValue.patterns }
  }
}
