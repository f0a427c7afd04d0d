/// The kinds of adapter, under PEFT's names where PEFT has them; FULL fine-tunes the whole model.
public enum PEFTType: String, CaseIterable, Sendable {
  case lora = "LORA"
  case ia3 = "IA3"
  case poly = "POLY"
  case taskLoRA = "TASK_LORA"
  case moLoRA = "MOLORA"
  case moLoRASD = "MOLORA_SD"
  case moDE = "MODE"
  case cPoly = "C_POLY"
  case full = "FULL"

  /// The method; nil for FULL, which adds nothing to the model.
  public var method: (any AdapterMethod.Type)? {
    switch self {
    case .lora: LoRA.self
    case .ia3: IA3.self
    case .poly: Poly.self
    case .taskLoRA: TaskLoRA.self
    case .moLoRA: MoLoRA.self
    case .moLoRASD: MoLoRASD.self
    case .moDE: MoDE.self
    case .cPoly: CPoly.self
    case .full: nil
    }
  }
}

/// Which modules an adapter sits on: name endings, or one regular expression for the whole path.
public enum ModulePattern: Sendable, Equatable {
  case endings([String])
  case expression(String)
}

/// A value for the modules whose path ends with a pattern, a regular expression.
public struct PatternValue<Value: Sendable & Equatable>: Sendable, Equatable {
  public let pattern: String
  public let value: Value

  public init(pattern: String, value: Value) {
    self.pattern = pattern
    self.value = value
  }
}

/// What defines an adapter beside its numbers, under the names of PEFT's adapter_config.json.
public struct AdapterConfiguration: Sendable, Equatable {
  public var peftType: PEFTType
  /// nil: the family's default.
  public var targetModules: ModulePattern?
  /// r of one low-rank product.
  public var adapterRank = 8
  public var loraAlpha: Double = 8
  /// Share of the inputs that the low-rank branch drops while training.
  public var loraDropout: Double = 0
  /// Scale α / √r in place of α / r.
  public var useRSLoRA = false
  /// LoRA's DoRA: direction and magnitude apart.
  public var useDoRA = false
  /// r and α of modules whose path ends with a pattern.
  public var rankPattern: [PatternValue<Int>] = []
  public var alphaPattern: [PatternValue<Double>] = []
  /// Modules trained and saved whole beside the adapter.
  public var modulesToSave: [String] = []
  /// Classification heads for single tasks, trained and saved beside the adapter.
  public var taskHeads: [TaskHead] = []
  /// Outputs of the classification head in ``modulesToSave``, as the folder's weights have it; nil: the model's own
  /// number. No part of the file.
  public var savedClassCount: Int?
  /// (IA)³: those of the target modules whose input is scaled, not their output.
  public var feedforwardModules: ModulePattern?
  /// T: the tasks a task-routed method tells apart. 0 in a recipe: as many as the recipe has.
  public var taskCount = 0
  /// The tasks' names, in the order of their numbers; empty if unknown.
  public var taskNames: [String] = []
  /// m: the experts of a token-routed method.
  public var expertCount = 4
  /// MoDE's p: rank dimensions that share a router.
  public var routerBlock = 1
  /// Poly's S.
  public var skillCount = 4
  /// MHR's h; 1 is Poly.
  public var splitCount = 1
  /// C-Poly's A.
  public var commonSkillCount = 3
  /// C-Poly's B.
  public var taskSkillCount = 1
  /// Whether C-Poly divides the weights of the common skills by their sum.
  public var normalizesRouter = true
  /// Whether a task of C-Poly uses its own skills alone, and not those of others.
  public var exclusiveSkills = true
  /// The noise on task routers while training; no part of the file.
  public var routerNoise = RouterNoise()
  /// The model's name, as a hint for loaders.
  public var baseModel: String?
  /// PEFT's task_type, such as CAUSAL_LM; nil: the family's.
  public var taskType: String?

  public init(peftType: PEFTType) { self.peftType = peftType }

  /// What decides how much each expert or skill counts.
  public var routing: Routing { peftType.routing }

  /// The rank of the update that one token meets, where no pattern gives a map its own r; nil where an update is no
  /// low-rank product.
  public var activeRank: Int? { peftType.method?.activeRank(self) }

  /// Multiply-adds of the update that one token meets at a map, routers left out.
  public func multiplyAdds(inputs: Int, outputs: Int) -> Int {
    peftType.method?.multiplyAdds(self, inputs: inputs, outputs: outputs) ?? 0
  }

  /// Whether its task routers draw noise while training.
  public var drawsRouterNoise: Bool { peftType.method?.drawsRouterNoise(self) ?? false }

  /// Which of ``modulesToSave`` a saved tensor belongs to; nil: none.
  func moduleToSave(of tensor: String) -> String? {
    modulesToSave.first { ("." + tensor).contains("." + $0 + ".") }
  }

  /// The configuration with null targets replaced by PEFT's defaults for the family.
  public func withDefaults(family: String) -> AdapterConfiguration {
    var result = self
    guard let defaults = FamilyTargets.peft[family] else { return result }
    result.taskType = taskType ?? defaults.taskType
    switch peftType {
    case .full: break
    case .ia3:
      result.targetModules = targetModules ?? .endings(defaults.ia3)
      result.feedforwardModules =
        feedforwardModules ?? .endings(targetModules == nil ? defaults.feedforward : [])
    default: result.targetModules = targetModules ?? .endings(defaults.lowRank)
    }
    return result
  }
}
