import Testing

@testable import Training

/// How a task's answers are found and measured.
struct RecipePredictionTests {
  private func fault(_ overrides: String...) -> String? {
    do {
      _ = try parse(smallRecipe(), overrides: overrides)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func answersAreGeneratedUnlessTheRecipeRanks() throws {
    #expect(try parse(smallRecipe()).tasks[0].prediction == .generation)
    let overrides = ["tasks.0.labels=[a, b]", "tasks.0.prediction=rank_classification"]
    let ranked = try parse(smallRecipe(), overrides: overrides)
    #expect(ranked.tasks[0].prediction == .rankClassification && !ranked.tasks[0].lengthNormalize)
    let normalized = try parse(smallRecipe(), overrides: overrides + ["tasks.0.length_normalize=true"])
    #expect(normalized.tasks[0].lengthNormalize)
    #expect(try parse(normalized.resolvedYAML()) == normalized)
    #expect(try parse(smallRecipe(), overrides: ["tasks.0.labels=[a, b]"]).differences(to: normalized) == [])
  }

  @Test func labelSetsAreMeasuredByAccuracy() throws {
    #expect(try parse(smallRecipe()).tasks[0].metrics == [.exactMatch, .rougeL])
    let labels = "tasks.0.labels=[a, b]"
    #expect(try parse(smallRecipe(), overrides: [labels]).tasks[0].metrics == [.exactMatch, .accuracy])
    #expect(try parse(smallRecipe(), overrides: [labels, "tasks.0.metrics=[f1]"]).tasks[0].metrics == [.f1])
  }

  @Test func whatCannotBeRankedIsRefused() {
    #expect(
      fault("tasks.0.prediction=rank_classification")
        == "`tasks.0.prediction` is rank_classification (--set); it must be left out unless task copy lists its labels")
    #expect(
      fault("tasks.0.prediction=rank")
        == "`tasks.0.prediction` is `rank` (--set); supported: generation, rank_classification")
    #expect(
      fault("tasks.0.labels=[a, b]", "tasks.0.length_normalize=true")
        == "`tasks.0.length_normalize` (--set) does not go with prediction generation; remove it")
    #expect(
      fault("tasks.0.format=pretokenized", "tasks.0.prediction=rank_classification")
        == "`tasks.0.prediction` (--set) does not go with format pretokenized; remove it")
    #expect(
      fault("tasks.0.labels=[a, b, a]")
        == "`tasks.0.labels` is [a, b, a] (--set); it must be a list of texts that differ")
  }
}
