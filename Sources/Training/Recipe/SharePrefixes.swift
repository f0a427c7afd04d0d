import Adapters
import Backbones
import Yams

/// Whether what several examples of a part begin with is computed once. In a recipe: `share_prefixes`.
public enum SharePrefixes: String, Sendable, CaseIterable {
  /// Where nothing random is keyed by the example: no dropout, no noise on routers.
  case auto
  /// There too: what is drawn for the shared rows, and the noise on routers, is drawn once for all that share them.
  case always = "true"
  /// Never.
  case never = "false"
}

/// Why no example of a run shares what it begins with.
public enum SharingObstacle: Sendable, Equatable, CustomStringConvertible {
  case switchedOff
  /// Every row of a prompt sees all of it, so that no two prompts have a row in common.
  case readInBothDirections
  case dropout
  case routerNoise

  /// As reports name it.
  public var description: String {
    switch self {
    case .switchedOff: "share_prefixes is false"
    case .readInBothDirections: "the encoder reads prompts in both directions"
    case .dropout: "lora_dropout draws for each example; share_prefixes: true shares all the same"
    case .routerNoise: "router_noise draws for each example; share_prefixes: true shares all the same"
    }
  }
}

extension Recipe {
  /// Why training shares nothing; nil: examples share what they begin with.
  ///
  /// - Parameter adapter: What is trained; nil: the bare model.
  public func sharingObstacle(adapter: AdapterConfiguration?, architecture: Architecture) -> SharingObstacle? {
    guard sharePrefixes != .never else { return .switchedOff }
    guard architecture == .decoderOnly else { return .readInBothDirections }
    guard sharePrefixes == .auto, let adapter else { return nil }
    if adapter.loraDropout > 0 { return .dropout }
    return routerNoise && adapter.drawsRouterNoise ? .routerNoise : nil
  }

  /// Whether training computes once what several examples of a part begin with.
  public func sharesPrefixes(adapter: AdapterConfiguration?, architecture: Architecture) -> Bool {
    sharingObstacle(adapter: adapter, architecture: architecture) == nil
  }

  /// Checks that a model can share what prompts begin with, if the recipe insists on it.
  ///
  /// - Throws: ``RecipeError/outOfRange(key:_:found:requirement:)``.
  public func requireSharing(by architecture: Architecture) throws(RecipeError) {
    guard sharePrefixes == .always, architecture != .decoderOnly else { return }
    throw .outOfRange(
      key: "share_prefixes", places["share_prefixes"], found: sharePrefixes.rawValue,
      requirement: "auto or false, since the model's encoder reads prompts in both directions: no two have a row in "
        + "common")
  }
}

extension SharePrefixes {
  /// Why a model's examples share nothing, all else in a recipe being left as it is; nil: they do.
  func obstacle(for model: AdapterModel) -> SharingObstacle? {
    var recipe = Recipe()
    recipe.sharePrefixes = self
    return recipe.sharingObstacle(adapter: model.configuration, architecture: model.backbone.architecture)
  }
}

extension SharePrefixes: RecipeChoice {
  static func read(_ node: Node, at location: RecipeLocation) throws(RecipeError) -> SharePrefixes {
    let word: String
    switch node.scalar.map(RecipeScalar.init) {
    case .bool(let value): word = String(value)
    case .text(let text): word = text
    default: throw location.wrongType(node, expected: "auto, true or false")
    }
    guard let value = Self(rawValue: word) else {
      throw .unknownChoice(key: location.key, location.place, found: word, choices: allCases.map(\.rawValue))
    }
    return value
  }

  var node: Node { Node(rawValue, .implicit, .plain) }
}
