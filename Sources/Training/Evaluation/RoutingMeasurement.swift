import Adapters
import Backbones
import Tasks
import Tensors

/// How the token routers of a model spread given examples, without noise or dropout.
public enum RoutingMeasurement {
  /// Every token of every example counts once at every router, whether it carries a label or not.
  ///
  /// - Parameter routes: Each example's route.
  /// - Returns: A router's map and statistics each, in the model's order.
  public static func run(
    _ model: AdapterModel, _ examples: [TokenizedExample], routes: [Int]
  ) -> [(path: String, statistics: RoutingStatistics)] {
    let routers = model.tokenRouters
    let measured = routers.map { path, router in
      (path: path, statistics: RoutingStatistics(blocks: router.blocks, expertCount: router.expertCount))
    }
    for (place, (_, router)) in routers.enumerated() { router.statistics = measured[place].statistics }
    defer { for (_, router) in routers { router.statistics = nil } }
    let saved = Workspace(), scratch = Workspace()
    let architecture = model.backbone.architecture, kind = architecture.sequenceKind
    for places in Scorer.batches(lengths: examples.map { $0.tokenCount(kind) }, limit: Scorer.tokensPerBatch) {
      var batch = PackedBatch()
      for place in places {
        batch.appendEveryPosition(examples[place], for: architecture, route: routes[place], head: .tokens)
      }
      let pass = Pass(batch.rows, randomKey: nil, keepsActivations: false, saved: saved, scratch: scratch)
      _ = model.backbone.forward(batch, pass)
      saved.reset()
      scratch.reset()
    }
    return measured
  }
}
