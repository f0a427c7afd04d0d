import Adapters
import Tasks
import Tensors

/// Everything a run depends on, as a recipe file states it, with every default filled in.
///
/// Keys are spelled as in YAML (`learning_rate` for ``learningRate``). Keys that Hugging Face's TrainingArguments know
/// and that change what is learned default to its values; the others to those in the documentation of each property.
public struct Recipe: Sendable, Equatable {
  /// `model_name_or_path`, required: a folder, a name found in the local Hugging Face cache, or `builtin:tiny`.
  /// A relative folder is taken from the recipe's own folder and is absolute here.
  public var modelNameOrPath = ""
  /// `tokenizer_name_or_path`: the folder or name whose tokenizer is used. Default: the model's.
  public var tokenizerNameOrPath = ""
  /// `init_weights`: where the model's weights come from. `random` needs peft_type FULL. Default: pretrained.
  public var initWeights = InitWeights.pretrained
  /// `precision` of the frozen weights. FULL, which has none, refuses bf16. Default: fp32.
  public var precision = Precision.fp32
  /// `weights_copy`: how many copies of the frozen weights a host with several NUMA domains holds. FULL, which has none,
  /// refuses numa. Default: auto.
  public var weightsCopy = WeightsCopy.auto
  /// `output_dir`, required: the run folder. A relative one is taken from the working directory and is absolute here.
  public var outputDir = ""
  /// `seed` of everything random. Default: 42.
  public var seed = 42
  /// `adapter`, required: what is trained.
  public var adapter = Adapter()
  /// `tasks`, required: at least one, with names that differ. Keys: `name` and `format`, required; `train` and `test`,
  /// at least one, files relative to the recipe's folder or `builtin:…`, absolute here; `metrics`, `positive_examples`,
  /// `negative_examples`, `explanations`, `source`, `target`, `labels`, `prediction`, `length_normalize`, `delimiter`,
  /// `source_pair`, `skip_labels`, `num_labels`, `weight`, `max_train_examples`, `split` (a mapping of `skew` and
  /// `part`, see `LabelSplit`) and `max_test_examples`, with the defaults of `TaskSpecification` and `PromptOptions`;
  /// `metrics` of a task with `labels` or `num_labels`: exact_match and accuracy, or with `num_labels: 1` pearson and
  /// spearman.
  public var tasks: [TaskSpecification] = []
  /// `mixing`: how often each task is drawn. Keys: `strategy`, `temperature` (that strategy's, required), `cap` and
  /// `group`. Default: proportional, without a cap, one by one.
  public var mixing = MixingOptions()
  /// `max_seq_length`: tokens of a sequence at most, source and target together for decoder-only models, where every
  /// source is cut to what ``maxTargetLength`` leaves of it. Default: 1024.
  public var maxSeqLength = 1024
  /// `max_target_length`: tokens of a target at most; no more than half of ``maxSeqLength`` for decoder-only models.
  /// Default: 128.
  public var maxTargetLength = 128
  /// `train_batch_size`: sequences per optimizer step, all ranks together. Default: 32.
  public var trainBatchSize = 32
  /// `micro_batches`: parts a batch is cut in, at least the number of ranks. Default: 8, or train_batch_size if
  /// smaller.
  public var microBatches = 8
  /// `share_prefixes`: whether what several examples of a part begin with is computed once. Encoders and encoder-decoder
  /// models, which read prompts in both directions, refuse `true`. Default: auto.
  public var sharePrefixes = SharePrefixes.auto
  /// `num_train_epochs`: passes over the mixture, fractions allowed; ``maxSteps`` wins over it. Default: 3.
  public var numTrainEpochs = 3.0
  /// `max_steps`: optimizer steps in all. null or -1 (default): as many as ``numTrainEpochs`` asks for.
  public var maxSteps: Int?
  /// `learning_rate` at the peak of the schedule. Default: 5e-5.
  public var learningRate = 5e-5
  /// `router_learning_rate`: what routers learn at, at the peak of a schedule of the same shape. Methods without
  /// routers refuse it. null (default): the same as ``learningRate``.
  public var routerLearningRate: Double?
  /// `loraplus_lr_ratio`: LoRA+ (Hayou et al. 2024, arXiv 2402.12354). Up-projections (lora_B) and parameters of one
  /// axis learn at this multiple, 1 or more, of the rate; routers do not. Methods without up-projections refuse it. As
  /// in PEFT's `create_loraplus_optimizer`, but weight decay and the rate of embeddings stay what they are. null
  /// (default): none.
  public var loraplusLrRatio: Double?
  /// `router_noise`: whether task routers (POLY, C_POLY) draw relaxed Bernoulli weights while training. Default: true.
  public var routerNoise = true
  /// `router_temperature` of those draws. Default: 1.
  public var routerTemperature = 1.0
  /// `router_balance_loss`: how much the load-balancing loss of token routers counts. Default: 0.
  public var routerBalanceLoss = 0.0
  /// `router_z_loss`: how much the squared log-sum-exp of their logits counts. Default: 0.
  public var routerZLoss = 0.0
  /// `lr_scheduler_type`. Default: linear.
  public var lrSchedulerType = LearningRateSchedule.Kind.linear
  /// `warmup_ratio`: the share of all steps that warms up; ``warmupSteps`` wins over it. Default: 0.
  public var warmupRatio = 0.0
  /// `warmup_steps`: steps that warm up. Default: 0, which leaves it to ``warmupRatio``.
  public var warmupSteps = 0
  /// `weight_decay` of AdamW, decoupled, on every trainable parameter. Default: 0.
  public var weightDecay = 0.0
  /// `router_weight_decay`: that of routers. Methods without routers refuse it. null (default): ``weightDecay``.
  public var routerWeightDecay: Double?
  /// `adam_beta1`, the decay of the first moment. Default: 0.9.
  public var adamBeta1 = 0.9
  /// `adam_beta2`, the decay of the second moment. Default: 0.999.
  public var adamBeta2 = 0.999
  /// `adam_epsilon`, added to the root of the second moment. Default: 1e-8.
  public var adamEpsilon = 1e-8
  /// `max_grad_norm`: gradients of a larger global norm are scaled down to it; 0 is no clipping. Default: 1.
  public var maxGradNorm = 1.0
  /// `sparse_updates`: whether rows that belong to one task alone stay as they are at a step whose batch has none of
  /// that task; without effect on other parameters. See ``AdamW``. Default: false, everything is updated at every step.
  public var sparseUpdates = false
  /// `activation_checkpointing`: whether the backward pass computes each layer's activations again in place of keeping
  /// them: less memory, more time, the same bits. Default: false.
  public var activationCheckpointing = false
  /// `reduction`: how gradients are summed over ranks. Default: ordered.
  public var reduction = Reduction.ordered
  /// `reduction_precision` of the sums of gradients: in bf16 every part's gradient and every sum of two is rounded,
  /// whatever the ranks, so that half as many bytes travel between hosts. `reduction: mpi` refuses bf16. Default: fp32.
  public var reductionPrecision = Precision.fp32
  /// `eval_steps`: test sets are scored every so many steps. null (default): at the end of the run only.
  public var evalSteps: Int?
  /// `eval_on_start`: whether test sets are also scored before the first step. Default: false.
  public var evalOnStart = false
  /// `eval_batch_size`: test examples that one rank answers side by side at most. null (default): as many as memory and
  /// model make worth it.
  public var evalBatchSize: Int?
  /// `max_new_tokens`: tokens generated per test example at most; a decoder-only model also stops where prompt and
  /// answer reach max_seq_length. Default: max_target_length.
  public var maxNewTokens = 128
  /// `save_steps`: a checkpoint is written every so many steps. null: at the end of the run only. Default: 500.
  public var saveSteps: Int? = 500
  /// `save_total_limit`: checkpoints kept, the newest ones. null (default): all.
  public var saveTotalLimit: Int?
  /// `check_steps`: the ranks' trained numbers are compared every so many steps, and at every save. null: at saves only.
  /// Default: 100.
  public var checkSteps: Int? = 100
  /// `logging_steps`: a line of metrics every so many steps. Default: 10.
  public var loggingSteps = 10
  /// `hang_timeout`: seconds without a sign of life of a rank after which the job ends; 0 is never. Slow ranks give
  /// signs of life. Default: 30.
  public var hangTimeout = 30.0
  /// Where the keys are stated.
  var places = RecipePlaces()

  public init() {}
}

extension Recipe {
  /// Where the model's weights come from.
  public enum InitWeights: String, Sendable, CaseIterable {
    /// From the model's safetensors files.
    case pretrained
    /// Drawn at random by the model family's rule; the model folder then needs no weights.
    case random
  }

  /// How the gradients of the parts of a batch are summed.
  public enum Reduction: String, Sendable, CaseIterable {
    /// In one fixed tree: the same bits for any number of ranks.
    case ordered
    /// As MPI_Allreduce does it: faster, and the last bits depend on the number of ranks.
    case mpi
  }

  /// Optimizer steps of the whole run, as Hugging Face's Trainer counts them.
  ///
  /// - Parameter stepsPerEpoch: Optimizer steps that one pass over the mixture takes.
  public func totalSteps(stepsPerEpoch: Int) -> Int {
    maxSteps ?? Int((numTrainEpochs * Double(stepsPerEpoch)).rounded(.up))
  }

  /// The learning rate of every step of a run of `totalSteps` steps.
  public func learningRateSchedule(totalSteps: Int) -> LearningRateSchedule {
    let warmup = warmupSteps > 0 ? warmupSteps : Int((warmupRatio * Double(totalSteps)).rounded(.up))
    return LearningRateSchedule(
      kind: lrSchedulerType, peak: learningRate, warmupSteps: warmup, totalSteps: totalSteps)
  }

  /// The seed that fresh parameters are drawn from: `adapter.init_seed`, or the recipe's `seed`.
  public var initSeed: Int { adapter.initSeed ?? seed }
}
