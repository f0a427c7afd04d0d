import Backbones
import Checkpoints
import Tensors

extension RunNeeds {
  /// What a recipe's run takes, from the shapes in the model's files alone.
  ///
  /// - Throws: What says that the model is missing.
  public init(_ recipe: Recipe) throws {
    let folder = try ModelAssembly.folder(recipe.modelNameOrPath)
    let weights = try WeightFiles(in: folder.url)
    var hostBytes = 0, sharedBytes = 0
    for name in weights.names {
      let info = try weights.info(name), holding = recipe.precision.holding(shape: info.shape)
      let byteCount = info.shape.reduce(1, *) * holding.byteCount
      hostBytes += byteCount
    }
    self.init(
      hostBytes: hostBytes, rankBytes: 0, sharedHostBytes: sharedBytes, sharedRankBytes: 0, gradientBytes: 0,
      diskBytes: 0, microBatches: recipe.microBatches)
  }
}
