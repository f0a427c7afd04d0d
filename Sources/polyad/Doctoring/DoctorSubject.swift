import Foundation
import Training

/// What `polyad doctor` is asked about: what a run reads, writes and needs.
struct DoctorSubject {
  let request: ProbeRequest
  /// Nil: none was given.
  private let recipe: Recipe?
  /// How the run adds up its gradients.
  let kind: ReductionBenchmark.Kind

  /// A run without a recipe, or one of a recipe.
  ///
  /// - Throws: ``RecipeError``, or what says that the model is missing here.
  init(recipe path: String?, overrides: [String]) throws {
    guard let path else {
      (request, recipe, kind) = (ProbeRequest(), nil, .ordered)
      return
    }
    let recipe = try Recipe.load(URL(filePath: path), overrides: overrides)
    request = try CommandError.loadingModel { try ProbeRequest(recipe, recipePath: path) }
    kind = recipe.reduction == .mpi ? .mpi : .ordered
    self.recipe = recipe
  }

  /// What the recipe's run takes of hosts, spread over so many ranks; nil without a recipe.
  ///
  /// - Throws: An error of the model's folder, or of the adapter.
  func needs(ranks: Int, threads: Int) throws -> RunNeeds? {
    try CommandError.loadingModel { try recipe.map { try RunNeeds($0, ranks: ranks, threads: threads) } }
  }

  /// Bytes that are added up without a recipe: those of a LoRA of rank 8 on the attention of GPT-2.
  private static let usualGradientBytes = 12 * 8 * (768 + 3 * 768) * 4

  /// Bytes of gradients that the ranks add up together.
  func gradientBytes(_ needs: RunNeeds?) -> Int { needs?.gradientBytes ?? Self.usualGradientBytes }
  /// The interfaces that the user has named.
  var network: String { ProcessInfo.processInfo.environment["POLYAD_NETWORK"] ?? "" }
}
