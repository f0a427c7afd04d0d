import Adapters
import Backbones
import Foundation
import TestSupport
import Testing

@testable import Training

/// `share_prefixes`, as recipes state it and as it turns out beside an adapter and a model.
@Suite struct SharePrefixesTests {
  private static let pair = Architecture.encoderDecoder(DecoderTokens(start: 0, padding: 0))

  /// Truth values and a word, in the file, with --set and in a base; written back they read the same.
  @Test(arguments: [
    ("auto", SharePrefixes.auto), ("true", .always), ("True", .always), ("false", .never), ("null", .auto),
  ])
  func itIsReadAndWritten(text: String, value: SharePrefixes) throws {
    let recipe = try parse(smallRecipe("share_prefixes: \(text)"))
    #expect(recipe.sharePrefixes == value)
    #expect(try parse(smallRecipe(), overrides: ["share_prefixes=\(text)"]).sharePrefixes == value)
    #expect(try parse(recipe.resolvedYAML()).sharePrefixes == value)
    #expect(recipe.resolvedYAML().contains("\nshare_prefixes: \(value.rawValue)\n"))
    let based = try withTemporaryFolder { folder in
      try recipe.resolvedYAML().write(to: folder.appending(path: "base.yaml"), atomically: true, encoding: .utf8)
      return try Recipe.parse("base: base.yaml", folder: folder)
    }
    #expect(based.sharePrefixes == value)
  }

  @Test func autoSharesWhereNothingIsDrawnForEachExample() throws {
    var recipe = Recipe()
    var lora = AdapterConfiguration(peftType: .lora)
    func obstacle(_ adapter: AdapterConfiguration?) -> SharingObstacle? {
      recipe.sharingObstacle(adapter: adapter, architecture: .decoderOnly)
    }
    #expect(obstacle(lora) == nil && obstacle(nil) == nil)
    #expect(recipe.sharesPrefixes(adapter: lora, architecture: .decoderOnly))
    lora.loraDropout = 0.1
    #expect(obstacle(lora) == .dropout)
    #expect(!recipe.sharesPrefixes(adapter: lora, architecture: .decoderOnly))
    for peftType in PEFTType.allCases {
      let adapter = AdapterConfiguration(peftType: peftType)
      #expect(obstacle(adapter) == ([.poly, .cPoly].contains(peftType) ? .routerNoise : nil), "\(peftType)")
    }
    recipe.routerNoise = false
    #expect(obstacle(AdapterConfiguration(peftType: .cPoly)) == nil)
    recipe.routerNoise = true
    recipe.sharePrefixes = .always
    #expect(obstacle(lora) == nil && obstacle(AdapterConfiguration(peftType: .cPoly)) == nil)
    recipe.sharePrefixes = .never
    #expect(obstacle(AdapterConfiguration(peftType: .lora)) == .switchedOff)
  }

  @Test(arguments: [Architecture.encoderOnly, pair]) func encodersShareNothing(architecture: Architecture) throws {
    let recipe = try parse(smallRecipe())
    let adapter = AdapterConfiguration(peftType: .lora)
    #expect(recipe.sharingObstacle(adapter: adapter, architecture: architecture) == .readInBothDirections)
    try recipe.requireSharing(by: architecture)
    try parse(smallRecipe("share_prefixes: false")).requireSharing(by: architecture)
    try parse(smallRecipe("share_prefixes: true")).requireSharing(by: .decoderOnly)

    func fault(_ yaml: String, _ overrides: String...) throws -> String? {
      let recipe = try parse(yaml, overrides: overrides)
      do { try recipe.requireSharing(by: architecture) } catch { return error.description }
      return nil
    }
    let reason =
      "it must be auto or false, since the model's encoder reads prompts in both directions: no two have a row in common"
    #expect(try fault(smallRecipe("share_prefixes: true")) == "`share_prefixes` is true (line 8); \(reason)")
    #expect(try fault(smallRecipe(), "share_prefixes=true") == "`share_prefixes` is true (--set); \(reason)")
  }
}
