import Adapters
import Tasks
import Tensors
import Yams

extension Recipe: RecipeSection {
  // Far beyond any run, and small enough for products of them to fit 64 bits.
  private static let lengthLimit = 1 << 24, batchLimit = 1_000_000, epochLimit = 1_000_000, stepLimit = 1_000_000_000

  static var fields: [RecipeField<Recipe>] {
    [
      .init(readBefore: RecipeNodes.baseKey),
      .init("model_name_or_path", \.modelNameOrPath, isRequired: true, mustBe: .notEmpty),
      .init("tokenizer_name_or_path", \.tokenizerNameOrPath, mustBe: .notEmpty),
      .init("init_weights", \.initWeights),
      .init("precision", \.precision),
      .init("weights_copy", \.weightsCopy),
      .init("output_dir", \.outputDir, isRequired: true, mustBe: .notEmpty),
      .init("seed", \.seed, mustBe: .notNegative),
      .init("adapter", \.adapter, isRequired: true),
      .init("tasks", \.tasks, isRequired: true, mustBe: .notEmpty),
      .init("mixing", \.mixing),
      .init("max_seq_length", \.maxSeqLength, mustBe: .within(2...Self.lengthLimit)),
      .init("max_target_length", \.maxTargetLength, mustBe: .within(1...Self.lengthLimit)),
      .init("train_batch_size", \.trainBatchSize, mustBe: .within(1...Self.batchLimit)),
      .init("micro_batches", \.microBatches, mustBe: .within(1...Self.batchLimit)),
      .init("share_prefixes", \.sharePrefixes),
      .init(
        "num_train_epochs", \.numTrainEpochs,
        mustBe: .init("above 0 and at most \(Self.epochLimit)") { $0 > 0 && $0 <= Double(Self.epochLimit) }),
      .init(
        "max_steps", \.maxSteps,
        mustBe: .init("from 1 to \(Self.stepLimit), or -1 for num_train_epochs") {
          (1...Self.stepLimit).contains($0) || $0 == -1
        }),
      .init("learning_rate", \.learningRate, mustBe: .notNegative),
      .init("router_learning_rate", \.routerLearningRate, needs: .routers, mustBe: .notNegative),
      .init("loraplus_lr_ratio", \.loraplusLrRatio, needs: .upProjections, mustBe: .init("1 or more") { $0 >= 1 }),
      .init("router_noise", \.routerNoise, needs: .routerNoise),
      .init("router_temperature", \.routerTemperature, needs: .routerNoise, mustBe: .positive),
      .init("router_balance_loss", \.routerBalanceLoss, needs: .tokenRouters, mustBe: .notNegative),
      .init("router_z_loss", \.routerZLoss, needs: .tokenRouters, mustBe: .notNegative),
      .init("lr_scheduler_type", \.lrSchedulerType),
      .init("warmup_ratio", \.warmupRatio, mustBe: .share),
      .init("warmup_steps", \.warmupSteps, mustBe: .within(0...Self.stepLimit)),
      .init("weight_decay", \.weightDecay, mustBe: .notNegative),
      .init("router_weight_decay", \.routerWeightDecay, needs: .routers, mustBe: .notNegative),
      .init("adam_beta1", \.adamBeta1, mustBe: .properShare),
      .init("adam_beta2", \.adamBeta2, mustBe: .properShare),
      .init("adam_epsilon", \.adamEpsilon, mustBe: .positive),
      .init("max_grad_norm", \.maxGradNorm, mustBe: .notNegative),
      .init("sparse_updates", \.sparseUpdates, needs: .taskRows),
      .init("activation_checkpointing", \.activationCheckpointing),
      .init("reduction", \.reduction),
      .init("reduction_precision", \.reductionPrecision),
      .init("eval_steps", \.evalSteps, mustBe: .atLeastOne),
      .init("eval_on_start", \.evalOnStart),
      .init("eval_batch_size", \.evalBatchSize, mustBe: .within(1...Self.batchLimit)),
      .init("max_new_tokens", \.maxNewTokens, mustBe: .atLeastOne),
      .init("save_steps", \.saveSteps, mustBe: .atLeastOne),
      .init("save_total_limit", \.saveTotalLimit, mustBe: .atLeastOne),
      .init("check_steps", \.checkSteps, mustBe: .atLeastOne),
      .init("logging_steps", \.loggingSteps, mustBe: .atLeastOne),
      .init("hang_timeout", \.hangTimeout, mustBe: .init("0, for never, or 1 and more") { $0 == 0 || $0 >= 1 }),
    ]
  }

  mutating func complete(_ reader: RecipeReader) throws(RecipeError) {
    places = RecipePlaces(reader.places)
    modelNameOrPath = RecipePath.folderOrName(modelNameOrPath, in: reader.folder(of: "model_name_or_path"))
    tokenizerNameOrPath =
      reader.states("tokenizer_name_or_path")
      ? RecipePath.folderOrName(tokenizerNameOrPath, in: reader.folder(of: "tokenizer_name_or_path")) : modelNameOrPath
    if !reader.states("max_new_tokens") { maxNewTokens = maxTargetLength }
    if !reader.states("micro_batches") { microBatches = min(microBatches, trainBatchSize) }
    if maxSteps == -1 { maxSteps = nil }

    func require(_ isMet: Bool, _ key: String, _ found: String, _ requirement: String) throws(RecipeError) {
      if !isMet { throw .outOfRange(key: key, reader.place(of: key), found: found, requirement: requirement) }
    }
    try require(
      routerNoise || routerTemperature == 1, "router_temperature", routerTemperature.description,
      "left out where router_noise is false")
    try require(
      microBatches <= trainBatchSize, "micro_batches", String(microBatches),
      "at most train_batch_size, which is \(trainBatchSize)")
    guard mixing.group <= trainBatchSize else {
      throw .outOfRange(
        key: "mixing.group", reader.section("mixing").place(of: "group"), found: String(mixing.group),
        requirement: "at most train_batch_size, which is \(trainBatchSize)")
    }
    try require(
      lrSchedulerType != .polynomial || learningRate > LearningRateSchedule.polynomialEnd, "learning_rate",
      learningRate.description, "above \(LearningRateSchedule.polynomialEnd), where a polynomial schedule ends")
    try require(
      learningRate > 0 || routerLearningRate == nil, "router_learning_rate", routerLearningRate?.description ?? "null",
      "null where learning_rate is 0, since the schedule multiplies both in the same proportion")
    try require(
      initWeights == .pretrained || adapter.configuration.peftType == .full && adapter.initFrom == nil, "init_weights",
      "random",
      "pretrained for every peft_type but FULL")
    if reduction == .mpi, reductionPrecision == .bf16 {
      throw .notApplicable(
        key: "reduction_precision", reader.place(of: "reduction_precision"),
        with: "reduction mpi, which sums in fp32")
    }
    if adapter.configuration.peftType == .full, adapter.initFrom == nil, precision == .bf16 {
      throw .notApplicable(
        key: "precision", reader.place(of: "precision"), with: "peft_type FULL, which trains every array in fp32")
    }
    if adapter.configuration.peftType == .full, weightsCopy == .numa {
      throw .notApplicable(
        key: "weights_copy", reader.place(of: "weights_copy"), with: "peft_type FULL, which has no frozen weights")
    }
    if adapter.configuration.peftType == .full, initWeights == .pretrained, adapter.initSeed != nil {
      throw .notApplicable(key: "adapter.init_seed", reader.place(of: "adapter"), with: "init_weights pretrained")
    }
    if adapter.initFrom == nil, adapter.configuration.peftType.routing == .task {
      if adapter.configuration.taskCount == 0 { adapter.configuration.taskCount = tasks.count }
      let count = adapter.configuration.taskCount
      guard count == tasks.count || tasks.allSatisfy({ $0.prompt.format == .pretokenized }) else {
        throw .outOfRange(
          key: "adapter.n_tasks", reader.place(of: "adapter"), found: String(count),
          requirement: "\(tasks.count), as many as there are tasks; it may be left out")
      }
      if count == tasks.count { adapter.configuration.taskNames = tasks.map(\.name) }
    }
    for (index, task) in tasks.enumerated() {
      try require(
        !tasks[..<index].contains { $0.name == task.name }, "tasks", "a list with two tasks named \(task.name)",
        "a list of tasks whose names differ")
    }
  }
}

extension RecipeField<Recipe> {
  /// A key that models may have no use for: refused, and not written, where the method tells.
  fileprivate init<Value: RecipeValue & Equatable>(
    _ key: String, _ path: WritableKeyPath<Recipe, Value>, needs need: ModelNeed,
    mustBe limit: RecipeLimit<Value>? = nil
  ) {
    self = Self(key, path, mustBe: limit, conflict: Self.conflict(need)).needing(need, path)
  }

  /// Such a key that may be null.
  fileprivate init<Value: RecipeValue & Equatable>(
    _ key: String, _ path: WritableKeyPath<Recipe, Value?>, needs need: ModelNeed,
    mustBe limit: RecipeLimit<Value>? = nil
  ) {
    self = Self(key, path, mustBe: limit, conflict: Self.conflict(need)).needing(need, path)
  }

  private static func conflict(_ need: ModelNeed) -> (Recipe) -> String? {
    { recipe in
      let adapter = recipe.adapter.configuration
      // With init_from the saved adapter's method is not known yet.
      let isRefused = recipe.adapter.initFrom == nil && need.isMet(by: adapter) == false
      return isRefused ? "peft_type \(adapter.peftType.rawValue)" : nil
    }
  }
}

extension Recipe.InitWeights: RecipeChoice {}
extension Precision: RecipeChoice {}
extension Recipe.Reduction: RecipeChoice {}
extension LearningRateSchedule.Kind: RecipeChoice {}
