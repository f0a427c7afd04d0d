import Adapters
import ModelTestSupport
import Testing

@testable import Training

/// What a recipe asks of the model and the job it is run with.
struct RecipeRequirementsTests {
  @Test func keysForParametersThatTheModelLacksAreRefused() throws {
    let lora = try AdapterModel(AdapterConfiguration(peftType: .lora), backbone: TestModel.random(), seed: 0)
    let full = try AdapterModel(AdapterConfiguration(peftType: .full), backbone: TestModel.random(), seed: 0)
    var recipe = Recipe()
    recipe.loraplusLrRatio = 2
    try recipe.requireUse(by: lora)
    #expect(
      throws: RunError.noParameters(key: "loraplus_lr_ratio", kind: "up-projections (lora_B)", peftType: "FULL")
    ) { try recipe.requireUse(by: full) }
    recipe.sparseUpdates = true
    #expect(throws: RunError.noParameters(key: "sparse_updates", kind: "rows of single tasks", peftType: "LORA")) {
      try recipe.requireUse(by: lora)
    }
    recipe.sparseUpdates = false
    recipe.routerWeightDecay = 0
    #expect(throws: RunError.noParameters(key: "router_weight_decay", kind: "routers", peftType: "LORA")) {
      try recipe.requireUse(by: lora)
    }
    recipe.routerLearningRate = 1
    #expect(throws: RunError.noParameters(key: "router_learning_rate", kind: "routers", peftType: "LORA")) {
      try recipe.requireUse(by: lora)
    }
  }

  /// Where the method tells, reading the recipe refuses the same keys as building the model does.
  @Test(arguments: PEFTType.allCases) func readingAndBuildingFollowOneRule(peftType: PEFTType) throws {
    var adapter = AdapterConfiguration(peftType: peftType)
    (adapter.taskCount, adapter.adapterRank) = (2, 4)
    let model = try AdapterModel(adapter, backbone: TestModel.random(), seed: 0)
    var recipe = Recipe()
    recipe.adapter.configuration = adapter
    (recipe.routerNoise, recipe.routerBalanceLoss, recipe.routerZLoss) = (false, 1, 1)
    for key in ["router_noise", "router_temperature", "router_balance_loss", "router_z_loss"] {
      let field = try #require(Recipe.fields.first { $0.key == key }), need = try #require(field.need)
      #expect(need.isMet(by: adapter) == need.isMet(by: model))
      #expect((field.write(recipe) == nil) == !need.isMet(by: model))
      #expect(field.differsFromDefault(recipe) == (key != "router_temperature"))
    }
  }

  @Test func everyRankNeedsAPart() throws {
    let recipe = Recipe()
    try recipe.requireParts(forRanks: 8)
    #expect(throws: RunError.tooManyRanks(ranks: 9, microBatches: 8)) { try recipe.requireParts(forRanks: 9) }
  }

  @Test func sequencesFitTheModel() throws {
    let recipe = Recipe()
    try recipe.requireFit(positions: 1024)
    #expect(throws: RunError.sequenceTooLong(key: "max_seq_length", value: 1024, maximum: 1023)) {
      try recipe.requireFit(positions: 1023)
    }
  }
}
