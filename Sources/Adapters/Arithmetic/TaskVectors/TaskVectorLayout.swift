import Checkpoints

/// The tensors of a sum of whole models, and where each comes from.
///
/// Models of one backbone may differ in their heads. The result has the heads of the first model.
struct TaskVectorLayout {
  struct Tensor {
    enum Origin: Equatable {
      /// Everything has it.
      case sum
      /// A head that only these models have, which has no task vector.
      case mean(of: [Int])
      /// Integers and the like: the base's bytes or, without it, the first model's.
      case copy
    }

    /// The model's name for it, and the result's file's.
    let name, fileName: String
    let shape: [Int]
    /// The base's; a mean's is the first model's.
    let dataType: DataType
    let origin: Origin

    var count: Int { shape.reduce(1, *) }
  }

  private(set) var tensors: [Tensor] = []
  /// Whether the first model has heads that the result lacks.
  private(set) var leavesOutHeads = false

  private let models: [ModelTensors]
  private let base: ModelTensors?
  /// The base, if there is one, and the models.
  private let all: [ModelTensors]

  /// - Throws: ``TaskVectorError`` with the first thing that does not fit.
  init(_ models: [ModelTensors], weights: [Double], base: ModelTensors?, withoutHeads: Bool) throws {
    (self.models, self.base) = (models, base)
    all = (base.map { [$0] } ?? []) + models
    for model in all.dropFirst() { try requireFitting(model) }
    for name in models[0].weights.keys.sorted() {
      if withoutHeads, isHead(name) {
        leavesOutHeads = true
      } else {
        tensors.append(try tensor(name, weights))
      }
    }
    let holder = base ?? models[0]
    tensors += try holder.buffers.keys.sorted().map { name in
      let info = try holder.info(name)
      return Tensor(
        name: name, fileName: models[0].fileName(of: name), shape: info.shape, dataType: info.dataType, origin: .copy)
    }
  }

  private func tensor(_ name: String, _ weights: [Double]) throws -> Tensor {
    let shape = try models[0].shape(name) ?? []
    let origin = try origin(of: name, shape, weights)
    let type = try (origin == .sum ? base ?? models[0] : models[0]).info(name).dataType
    return Tensor(name: name, fileName: models[0].fileName(of: name), shape: shape, dataType: type, origin: origin)
  }

  // MARK: Backbones

  /// What config.json may state differently for tensors of the same shapes.
  private static let settings = [
    "num_attention_heads", "n_head", "num_heads", "num_key_value_heads", "hidden_act", "hidden_activation",
    "activation_function", "feed_forward_proj", "layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps", "rope_theta",
  ]

  private func requireFitting(_ model: ModelTensors) throws {
    let first = all[0]
    func difference(_ own: Any, _ its: Any) -> TaskVectorError.Difference { .init(first.name, own, model.name, its) }
    for key in ["model_type"] + Self.settings {
      guard let own = first.setting(key), let its = model.setting(key), own != its else { continue }
      throw TaskVectorError.differentModels(key: key, difference(own, its))
    }
    let own = first.weights.keys.filter { !isHead($0) }.sorted()
    let lacks = own.filter { model.weights[$0] == nil }
    let adds = model.weights.keys.filter { !isHead($0) && first.weights[$0] == nil }.sorted()
    if !lacks.isEmpty { throw TaskVectorError.differentTensors(name: model.name, lacks: lacks, of: first.name) }
    if !adds.isEmpty { throw TaskVectorError.differentTensors(name: first.name, lacks: adds, of: model.name) }
    for name in own {
      guard let own = try first.shape(name), let its = try model.shape(name), own != its else { continue }
      throw TaskVectorError.differentShapes(tensor: name, difference(own, its))
    }
  }

  // MARK: Heads

  private static let headPrefixes = ["classifier.", "cls.", "lm_head."]

  /// Whether a tensor belongs to an encoder's head. BERT's pooler does where a model lacks it.
  private func isHead(_ name: String) -> Bool {
    guard ["bert", "roberta"].contains(all[0].folder.modelType) else { return false }
    if name.contains("pooler.dense.") { return all.contains { $0.weights[name] == nil } }
    return Self.headPrefixes.contains(where: name.hasPrefix)
  }

  private func origin(of name: String, _ shape: [Int], _ weights: [Double]) throws -> Tensor.Origin {
    let holders = models.indices.filter { models[$0].weights[name] != nil }
    if isHead(name) { try requireSameHead(name, shape, holders.map { models[$0] }) }
    guard try holders.count < models.count || (base != nil && base?.shape(name) != shape) else { return .sum }
    guard holders.count == 1 || holders.map({ weights[$0] }).shares != nil else {
      throw TaskVectorError.headsHaveNoMean(tensor: name)
    }
    return .mean(of: holders)
  }

  private func requireSameHead(_ name: String, _ shape: [Int], _ holders: [ModelTensors]) throws {
    func difference(_ own: Any, _ other: ModelTensors, _ its: Any) -> TaskVectorError {
      .differentHeads(tensor: name, .init(models[0].name, own, other.name, its))
    }
    for holder in holders.dropFirst() {
      let its = try holder.shape(name) ?? []
      guard its == shape else { throw difference(shape, holder, its) }
      let labels = models[0].labels, others = holder.labels
      guard name.hasPrefix("classifier."), !labels.isEmpty, !others.isEmpty, labels != others else { continue }
      throw difference(labels.joined(separator: ", "), holder, others.joined(separator: ", "))
    }
  }
}

extension ModelTensors {
  /// The names of the classes, in order; empty where config.json has none but the numbered ones that stand for none.
  fileprivate var labels: [String] {
    let names = folder.configurationValues["id2label"] as? [String: String] ?? [:]
    let labels = (0..<names.count).map { names["\($0)"] ?? "" }
    return labels == labels.indices.map { "LABEL_\($0)" } ? [] : labels
  }
}
