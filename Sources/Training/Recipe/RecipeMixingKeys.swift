import Tasks
import Yams

/// `mixing` as a recipe spells it.
struct MixingSection: RecipeSection {
  enum Strategy: String, RecipeChoice {
    case proportional, uniform, temperature
  }

  var strategy = Strategy.proportional
  var temperature = 1.0
  var cap: Int?
  var group = 1

  static var fields: [RecipeField<Self>] {
    [
      .init("strategy", \.strategy),
      .init(
        "temperature", \.temperature, mustBe: .positive,
        conflict: { $0.strategy == .temperature ? nil : "strategy \($0.strategy.rawValue)" }),
      .init("cap", \.cap, mustBe: .atLeastOne),
      .init("group", \.group, mustBe: .atLeastOne),
    ]
  }

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {
    guard strategy != .temperature || reader.states("temperature") else {
      throw .missingKey(reader.location.path("temperature"), reader.location.place)
    }
  }
}

extension MixingOptions: RecipeValue {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> MixingOptions {
    let section = try MixingSection.read(node, at: location)
    let strategy: Strategy =
      switch section.strategy {
      case .proportional: .proportional
      case .uniform: .uniform
      case .temperature: .temperature(section.temperature)
      }
    return MixingOptions(strategy: strategy, cap: section.cap, group: section.group)
  }

  var node: Node {
    var section = MixingSection()
    (section.cap, section.group) = (cap, group)
    switch strategy {
    case .proportional: section.strategy = .proportional
    case .uniform: section.strategy = .uniform
    case .temperature(let value): (section.strategy, section.temperature) = (.temperature, value)
    }
    return section.node
  }
}
