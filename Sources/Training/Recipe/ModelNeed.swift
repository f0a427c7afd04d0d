import Adapters
import Tensors

/// What a key of a recipe needs of the model to have an effect.
///
/// The recipe's fields say which key needs what. Where the method alone decides, the key is refused when the recipe is
/// read; in any case when its model is built, see ``Recipe/requireUse(by:)``.
enum ModelNeed: CaseIterable {
  /// Task routers that draw noise while training.
  case routerNoise
  case tokenRouters
  /// Rows that belong to one of the adapter's tasks alone.
  case taskRows
  /// Routers that train.
  case routers
  /// Up-projections that train.
  case upProjections

  /// As errors name it.
  var text: String {
    switch self {
    case .routerNoise: "task routers with noise"
    case .tokenRouters: "token routers"
    case .taskRows: "rows of single tasks"
    case .routers: "routers"
    case .upProjections: "up-projections (lora_B)"
    }
  }

  /// Whether adapters of this kind have it; nil where their parameters decide.
  func isMet(by adapter: AdapterConfiguration) -> Bool? {
    switch self {
    case .routerNoise: adapter.drawsRouterNoise
    case .tokenRouters: adapter.routing == .token
    case .taskRows, .routers, .upProjections: nil
    }
  }

  func isMet(by model: AdapterModel) -> Bool {
    switch self {
    case .routerNoise, .tokenRouters: model.configuration.flatMap { isMet(by: $0) } ?? false
    case .taskRows: model.parameters.taskCount > 0
    case .routers: model.parameters.trains(.router)
    case .upProjections: model.parameters.trains(.upProjection)
    }
  }

  /// Throws ``RunError/noParameters(key:kind:peftType:)`` where a stated key has no effect on the model.
  func require(of model: AdapterModel, for key: String) throws(RunError) {
    guard !isMet(by: model) else { return }
    throw .noParameters(key: key, kind: text, peftType: model.configuration?.peftType.rawValue ?? "null")
  }
}

extension TrainableParameters {
  fileprivate func trains(_ role: Role) -> Bool {
    entries.contains { entry in entry.role == role && trainedRanges.contains { $0.overlaps(entry.range) } }
  }
}
