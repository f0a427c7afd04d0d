import Adapters
import Testing

@testable import Training

/// What a recipe's keys mean to the optimizer.
struct RecipeOptimizerTests {
  @Test func keysBecomeOptions() throws {
    var recipe = Recipe()
    (recipe.adamBeta1, recipe.adamBeta2, recipe.adamEpsilon, recipe.weightDecay) = (0.8, 0.9, 1e-6, 0.1)
    var options = AdamW.Options()
    (options.beta1, options.beta2, options.epsilon, options.groups.weightDecay) = (0.8, 0.9, 1e-6, 0.1)
    #expect(OptimizerChoice(recipe) == .adamW(options))
    (recipe.learningRate, recipe.routerLearningRate) = (0.25, 0.5)
    (recipe.routerWeightDecay, recipe.loraplusLrRatio, recipe.sparseUpdates) = (0, 16, true)
    (options.groups.routerWeightDecay, options.groups.routerRateFactor) = (0, 2)
    (options.groups.upProjectionRateFactor, options.isSparse) = (16, true)
    #expect(OptimizerChoice(recipe) == .adamW(options))
  }

  @Test func aStepsDefaultsAreTheRecipes() {
    var recipe = Recipe()
    #expect(TrainingStep.Options(recipe) == TrainingStep.Options(partCount: recipe.microBatches))
    (recipe.microBatches, recipe.seed, recipe.maxGradNorm, recipe.reduction) = (3, 7, 0.5, .mpi)
    (recipe.routerBalanceLoss, recipe.routerZLoss, recipe.adamBeta1) = (0.1, 0.2, 0.8)
    (recipe.activationCheckpointing, recipe.reductionPrecision) = (true, .bf16)
    let options = TrainingStep.Options(recipe)
    #expect(options.partCount == 3 && options.seed == 7 && options.maximumNorm == 0.5 && options.reduction == .mpi)
    #expect(options.isCheckpointed && options.reductionPrecision == .bf16)
    #expect(options.routerLosses == RouterLosses(balance: 0.1, z: 0.2))
    #expect(options.optimizer == OptimizerChoice(recipe))
  }
}
