import Adapters
import Foundation
import Tensors
import TestSupport
import Testing
import Yams

@testable import Tasks
@testable import Training

/// docs/recipe.md and docs/methods.md have every key that there is, and no other, with its default and its words.
@Suite struct RecipePageTests {
  private typealias Row = MarkdownPage.Row

  /// Keys whose default depends on others, so that no value stands for it.
  private static let computed: Set<String> = ["tokenizer_name_or_path", "max_new_tokens", "mixing", "n_tasks"]

  /// The rows of the tables under the headings that name a section in code style; the recipe's own: under the others.
  private func rows(of section: String?) throws -> [Row] {
    let sections = ["adapter", "tasks", "split", "mixing"]
    return try MarkdownPage("docs/recipe.md").rows.filter { row in
      guard row.cells[0].hasPrefix("`"), row.cells.count == 3 else { return false }
      return sections.first { row.heading == "`\($0)`" } == section
    }
  }

  /// Checks a section's rows against its fields.
  ///
  /// - Parameter examples: Sections with every default, among them one that each key means something for.
  private func check<Section: RecipeSection>(_ section: String?, _ examples: [Section]) throws {
    let rows = try rows(of: section), keys = rows.map { $0.code(0).first ?? "" }
    #expect(Set(keys) == Set(Section.fields.map(\.key)), "docs/recipe.md, \(section ?? "the recipe's own keys")")
    #expect(Set(keys).count == keys.count, "a key stands twice")
    for (row, key) in zip(rows, keys) where !Self.computed.contains(key) && !row.cells[1].hasPrefix("required") {
      guard let field = Section.fields.first(where: { $0.key == key }) else { continue }
      let value = examples.lazy.compactMap(field.write).first.map(RecipeYAML.line) ?? "null"
      guard !["null", "[]"].contains(value) else {
        #expect(!row.cells[1].hasPrefix("`"), "\(key) has no value of its own")
        continue
      }
      let stated = row.cells[1].hasPrefix("`") ? row.code(1).first : nil
      #expect(stated.map(Self.meaning) == Self.meaning(value), "\(key): \(row.cells[1]) is \(value)")
    }
  }

  /// A value's text, numbers in one form.
  private static func meaning(_ text: String) -> String {
    switch RecipeScalar(plain: text.trimmingCharacters(in: ["\""])) {
    case .int(let number): "\(Double(number))"
    case .float(let number): "\(number)"
    default: text.trimmingCharacters(in: ["\""])
    }
  }

  /// A fresh adapter of each type, and one that starts from another.
  private static let adapters: [Recipe.Adapter] = {
    var started = Recipe.Adapter()
    (started.initFrom, started.statedKeys) = ("folder", ["train", "new_tasks"])
    let fresh = PEFTType.allCases.map { peftType in
      var adapter = Recipe.Adapter()
      adapter.configuration.peftType = peftType
      return adapter
    }
    return fresh + [started]
  }()

  @Test func theRecipesOwnKeys() throws {
    try check(
      nil,
      Self.adapters.map { adapter in
        var recipe = Recipe()
        recipe.adapter = adapter
        return recipe
      })
  }

  @Test func theAdaptersKeys() throws { try check("adapter", Self.adapters) }

  @Test func theTasksKeys() throws {
    var ranking = TaskSpecification(name: "", prompt: PromptOptions(.jsonLines))
    ranking.prediction = .rankClassification
    try check("tasks", TaskFormat.allCases.map { TaskSpecification(name: "", prompt: PromptOptions($0)) } + [ranking])
  }

  @Test func theKeysOfSplitAndMixing() throws {
    try check("split", [LabelSplit()])
    try check("mixing", [MixingSection()])
  }

  @Test func whatIsRequiredIsMissedWhereItIsLeftOut() throws {
    let recipe = smallRecipe("mixing: {strategy: proportional}").replacing(
      "train: copy.jsonl", with: "train: copy.jsonl\n    labels: [a, b]\n    split: {skew: 0.8, part: 0}")
    _ = try parse(recipe)
    for (section, path) in [
      (nil, ""), ("adapter", "adapter."), ("tasks", "tasks.0."), ("split", "tasks.0.split."), ("mixing", "mixing."),
    ] {
      for row in try rows(of: section) {
        let key = path + (row.code(0).first ?? "")
        guard !key.hasPrefix("base") else { continue }
        var isMissed = false
        do { _ = try parse(recipe, overrides: ["\(key)=null"]) } catch RecipeError.missingKey(key, _) {
          isMissed = true
        } catch {}
        let isRequired = row.cells[1] == "required" || row.cells[1] == "required without `init_from`"
        #expect(isMissed == isRequired, "\(key): \(row.cells[1])")
      }
    }
  }

  /// Keys that hold one word out of a few name all of them.
  @Test(
    arguments: [
      (nil, "init_weights", Recipe.InitWeights.allCases.map(\.rawValue)),
      (nil, "precision", Precision.allCases.map(\.rawValue)),
      (nil, "share_prefixes", SharePrefixes.allCases.map(\.rawValue)),
      (nil, "reduction", Recipe.Reduction.allCases.map(\.rawValue)),
      (nil, "reduction_precision", Precision.allCases.map(\.rawValue)),
      (nil, "lr_scheduler_type", LearningRateSchedule.Kind.allCases.map(\.rawValue)),
      ("adapter", "peft_type", PEFTType.allCases.map(\.rawValue)),
      ("adapter", "train", TrainedPart.allCases.map(\.rawValue)),
      ("tasks", "format", TaskFormat.allCases.map(\.rawValue)),
      ("tasks", "prediction", PredictionMethod.allCases.map(\.rawValue)),
      ("tasks", "metrics", Metric.allCases.map(\.rawValue)),
      ("mixing", "strategy", MixingSection.Strategy.allCases.map(\.rawValue)),
    ] as [(String?, String, [String])])
  func everyWordOfAKeyIsThere(section: String?, key: String, words: [String]) throws {
    let row = try #require(try rows(of: section).first { $0.code(0) == [key] })
    #expect(Set(words).isSubset(of: row.code(2)), "\(key)")
  }

  @Test func everyMethodHasARowWithItsKeys() throws {
    let rows = try MarkdownPage("docs/methods.md").rows.filter { $0.cells.count == 5 }
    #expect(rows.map { $0.cells[0] }.sorted() == PEFTType.allCases.map(\.rawValue).sorted())
    for row in rows {
      let method = PEFTType(rawValue: row.cells[0])?.method
      let keys = AdapterKey.all.map(\.name).filter { name in method?.keys.contains { $0.name == name } ?? false }
      #expect(row.code(3) == keys, "\(row.cells[0])")
      let words: [Routing: String] = [.none: "", .task: "task", .token: "token"]
      let routing = String(row.cells[2].prefix { $0 != "," })
      #expect(routing == words[method?.routing ?? .none], "\(row.cells[0])")
    }
  }
}
