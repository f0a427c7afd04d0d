import Adapters
import ModelTestSupport
import Testing

@testable import Training

/// What a recipe's keys mean to the optimizer.
struct RecipeOptimizerTests {
  @Test func keysBecomeOptions() throws {
    var recipe = Recipe()
    (recipe.adamBeta1, recipe.adamBeta2, recipe.adamEpsilon, recipe.weightDecay) = (0.8, 0.9, 1e-6, 0.1)
    #expect(recipe.optimizerOptions.routerWeightDecay == nil && recipe.optimizerOptions.routerRateFactor == 1)
    (recipe.learningRate, recipe.routerLearningRate) = (0.25, 0.5)
    (recipe.routerWeightDecay, recipe.loraplusLrRatio, recipe.sparseUpdates) = (0, 16, true)
    var options = AdamW.Options()
    (options.beta1, options.beta2, options.epsilon, options.weightDecay) = (0.8, 0.9, 1e-6, 0.1)
    (options.routerWeightDecay, options.routerRateFactor, options.upProjectionRateFactor) = (0, 2, 16)
    options.isSparse = true
    #expect(recipe.optimizerOptions == options)
  }

  @Test func keysForParametersThatTheModelLacksAreRefused() throws {
    let lora = try AdapterModel(AdapterConfiguration(peftType: .lora), backbone: TestModel.random(), seed: 0)
    let full = try AdapterModel(AdapterConfiguration(peftType: .full), backbone: TestModel.random(), seed: 0)
    var recipe = Recipe()
    recipe.loraplusLrRatio = 2
    try recipe.requireUse(ofRoles: lora)
    #expect(
      throws: RunError.noParameters(key: "loraplus_lr_ratio", kind: "up-projections (lora_B)", peftType: "FULL")
    ) { try recipe.requireUse(ofRoles: full) }
    recipe.sparseUpdates = true
    #expect(throws: RunError.noParameters(key: "sparse_updates", kind: "rows of single tasks", peftType: "LORA")) {
      try recipe.requireUse(ofRoles: lora)
    }
    recipe.sparseUpdates = false
    recipe.routerWeightDecay = 0
    #expect(throws: RunError.noParameters(key: "router_weight_decay", kind: "routers", peftType: "LORA")) {
      try recipe.requireUse(ofRoles: lora)
    }
    recipe.routerLearningRate = 1
    #expect(throws: RunError.noParameters(key: "router_learning_rate", kind: "routers", peftType: "LORA")) {
      try recipe.requireUse(ofRoles: lora)
    }
  }
}
