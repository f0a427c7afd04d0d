/// The kinds of adapter, under PEFT's names; FULL fine-tunes the whole model.
public enum PEFTType: String, CaseIterable, Sendable {
  case lora = "LORA"
  case ia3 = "IA3"
  case full = "FULL"
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
  /// What r can be.
  public static let possibleRanks = 1...65536
  /// LoRA's r.
  public var adapterRank = 8
  public var loraAlpha: Double = 8
  /// Share of the inputs that LoRA's branch drops while training.
  public var loraDropout: Double = 0
  /// Scale α / √r in place of α / r.
  public var useRSLoRA = false
  /// r and α of modules whose path ends with a pattern.
  public var rankPattern: [PatternValue<Int>] = []
  public var alphaPattern: [PatternValue<Double>] = []
  /// Modules trained and saved whole beside the adapter.
  public var modulesToSave: [String] = []
  /// (IA)³: those of the target modules whose input is scaled, not their output.
  public var feedforwardModules: ModulePattern?
  /// The model's name, as a hint for loaders.
  public var baseModel: String?
  /// PEFT's task_type, such as CAUSAL_LM.
  public var taskType: String? = "CAUSAL_LM"

  public init(peftType: PEFTType) { self.peftType = peftType }

  /// The configuration with null targets replaced by PEFT's defaults for the family.
  public func withDefaults(family: String) -> AdapterConfiguration {
    var result = self
    guard family == "gpt2" else { return result }
    switch peftType {
    case .lora: result.targetModules = targetModules ?? .endings(["c_attn"])
    case .ia3:
      result.targetModules = targetModules ?? .endings(["c_attn", "mlp.c_proj"])
      result.feedforwardModules =
        feedforwardModules ?? (targetModules == nil ? .endings(["mlp.c_proj"]) : .endings([]))
    case .full: break
    }
    return result
  }
}
