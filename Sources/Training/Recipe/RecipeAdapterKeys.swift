import Adapters
import Yams

extension Recipe.Adapter: RecipeSection {
  static var fields: [RecipeField<Self>] {
    // With init_from the saved adapter decides what goes together: see `reconciled(with:)`.
    func only(_ types: PEFTType...) -> (Self) -> String? {
      { adapter in
        let peftType = adapter.configuration.peftType
        return adapter.initFrom != nil || types.contains(peftType) ? nil : "peft_type \(peftType.rawValue)"
      }
    }
    let ranks = AdapterConfiguration.possibleRanks
    return [
      .init("init_from", \.initFrom, mustBe: .notEmpty),
      .init("peft_type", \.configuration.peftType),
      .init("init_seed", \.initSeed, mustBe: .notNegative, conflict: { $0.initFrom.map { _ in "init_from" } }),
      .init("target_modules", \.configuration.targetModules, conflict: only(.lora, .ia3)),
      .init("feedforward_modules", \.configuration.feedforwardModules, conflict: only(.ia3)),
      .init("modules_to_save", \.configuration.modulesToSave, conflict: only(.lora, .ia3)),
      .init("r", \.configuration.adapterRank, mustBe: .within(ranks), conflict: only(.lora)),
      .init("lora_alpha", \.configuration.loraAlpha, mustBe: .positive, conflict: only(.lora)),
      .init("lora_dropout", \.configuration.loraDropout, mustBe: .properShare, conflict: only(.lora)),
      .init("use_rslora", \.configuration.useRSLoRA, conflict: only(.lora)),
      .init(
        "rank_pattern", \.rankPattern,
        mustBe: .init("a mapping to ranks from 1 to \(ranks.upperBound)") {
          $0.patterns.allSatisfy { ranks.contains($0.value) }
        },
        conflict: only(.lora)),
      .init(
        "alpha_pattern", \.alphaPattern,
        mustBe: .init("a mapping to numbers above 0") { $0.patterns.allSatisfy { $0.value > 0 } }, conflict: only(.lora)
      ),
    ]
  }

  static func examine(_ reader: RecipeReader) throws(RecipeError) {
    // The keys of a method that is not supported are unknown too, but the method is what the author has to hear about.
    if let (value, location) = reader.entry("peft_type") { _ = try PEFTType.read(value, at: location) }
  }

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {
    guard initFrom != nil else {
      if reader.states("peft_type") { return }
      throw .missingKey(reader.location.path("peft_type"), reader.location.place)
    }
    guard !reader.states("peft_type") || configuration.peftType != .full else {
      let key = reader.location.path("init_from")
      throw .notApplicable(key: key, reader.place(of: "init_from"), with: "peft_type FULL")
    }
    statedKeys = Set(Self.fields.map(\.key).filter(reader.states))
  }

  func writes(_ key: String) -> Bool { initFrom == nil || statedKeys.contains(key) }
}

extension PEFTType: RecipeChoice {}

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
  fileprivate var rankPattern: PatternMapping<Int> {
    get { PatternMapping(patterns: configuration.rankPattern) }
    set { configuration.rankPattern = newValue.patterns }
  }

  fileprivate var alphaPattern: PatternMapping<Double> {
    get { PatternMapping(patterns: configuration.alphaPattern) }
    set { configuration.alphaPattern = newValue.patterns }
  }
}
