import Foundation
import Testing

@testable import Training

/// The recipes under launch/recipes, those of launch/experiments included.
@Suite struct RecipeFileTests {
  private static let files: [URL] = {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return ["launch/recipes", "launch/recipes/variants", "launch/recipes/arithmetic"].flatMap { folder in
      let found = try? FileManager.default.contentsOfDirectory(
        at: root.appending(path: folder), includingPropertiesForKeys: nil)
      return (found ?? []).filter { $0.pathExtension == "yaml" }.sorted { $0.path < $1.path }
    }
  }()

  private func stem(_ file: URL) -> String { file.deletingPathExtension().lastPathComponent }

  @Test func everyRecipeIsReadAndWritesToAFolderOfItsName() throws {
    #expect(Self.files.contains { stem($0) == "quickstart" } && Self.files.contains { stem($0) == "nli" })
    for file in Self.files {
      let recipe = try Recipe.load(file)
      #expect((recipe.outputDir as NSString).lastPathComponent == stem(file))
    }
  }

  /// variants/NAME.METHOD.active.yaml and variants/NAME.METHOD.total.yaml differ from NAME.yaml in method and learning
  /// rate only, as launch/compare takes for granted.
  @Test func variantsDifferInTheirMethodAndLearningRateOnly() throws {
    let variants = Self.files.filter { stem($0).hasSuffix(".active") || stem($0).hasSuffix(".total") }
    #expect(!variants.isEmpty)
    for file in variants {
      let folder = file.deletingLastPathComponent()
      #expect(folder.lastPathComponent == "variants")
      let base = folder.deletingLastPathComponent().appending(path: stem(file).prefix { $0 != "." } + ".yaml")
      let keys = try Recipe.load(base).differences(to: try Recipe.load(file)).map(\.key)
      #expect(keys.allSatisfy { $0 == "learning_rate" || $0.hasPrefix("adapter.") || $0.hasPrefix("router_") })
      #expect(keys.contains { $0.hasPrefix("adapter.") })
    }
  }
}
