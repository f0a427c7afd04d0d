/// A key that some methods read beside `target_modules`, in adapter_config.json and in a recipe's adapter section alike,
/// under PEFT's name where PEFT has it.
///
/// A method lists its keys; reading, checking, writing and showing them is driven by this table.
public struct AdapterKey: Sendable {
  /// Where a configuration keeps the value, and what the value may be.
  public enum Storage: Sendable {
    case integer(WritableKeyPath<AdapterConfiguration, Int> & Sendable, ClosedRange<Int>)
    case number(WritableKeyPath<AdapterConfiguration, Double> & Sendable, NumberLimit)
    case flag(WritableKeyPath<AdapterConfiguration, Bool> & Sendable)
    case modules(WritableKeyPath<AdapterConfiguration, ModulePattern?> & Sendable)
    case ranks(WritableKeyPath<AdapterConfiguration, [PatternValue<Int>]> & Sendable, ClosedRange<Int>)
    case numbers(WritableKeyPath<AdapterConfiguration, [PatternValue<Double>]> & Sendable)
  }

  /// What a number may be.
  public enum NumberLimit: Sendable {
    case positive
    /// At least 0 and below 1.
    case properShare

    /// The limit in words.
    public var text: String { self == .positive ? "above 0" : "at least 0 and below 1" }

    public func contains(_ value: Double) -> Bool {
      self == .positive ? value > 0 : value >= 0 && value < 1
    }
  }

  public let name: String
  public let storage: Storage

  init(_ name: String, _ storage: Storage) { (self.name, self.storage) = (name, storage) }
}

extension AdapterKey {
  /// What counts of ranks, experts, skills and splits can be.
  public static let possibleCounts = 1...65536

  /// r: the rank of one low-rank product.
  static let rank = AdapterKey("r", .integer(\.adapterRank, possibleCounts))
  /// α: products are scaled by α / r.
  static let alpha = AdapterKey("lora_alpha", .number(\.loraAlpha, .positive))
  static let dropout = AdapterKey("lora_dropout", .number(\.loraDropout, .properShare))
  static let rankStabilized = AdapterKey("use_rslora", .flag(\.useRSLoRA))
  static let decomposed = AdapterKey("use_dora", .flag(\.useDoRA))
  static let rankPattern = AdapterKey("rank_pattern", .ranks(\.rankPattern, possibleCounts))
  static let alphaPattern = AdapterKey("alpha_pattern", .numbers(\.alphaPattern))
  static let feedforwardModules = AdapterKey("feedforward_modules", .modules(\.feedforwardModules))
  static let taskCount = AdapterKey("n_tasks", .integer(\.taskCount, 1...1_000_000))
  static let expertCount = AdapterKey("n_experts", .integer(\.expertCount, possibleCounts))
  static let routerBlock = AdapterKey("router_block", .integer(\.routerBlock, possibleCounts))
  static let skillCount = AdapterKey("n_skills", .integer(\.skillCount, possibleCounts))
  static let splitCount = AdapterKey("n_splits", .integer(\.splitCount, possibleCounts))
  static let commonSkillCount = AdapterKey("n_common_skills", .integer(\.commonSkillCount, 0...65536))
  static let taskSkillCount = AdapterKey("n_task_skills", .integer(\.taskSkillCount, 0...65536))
  static let normalizesRouter = AdapterKey("normalize_router", .flag(\.normalizesRouter))
  static let exclusiveSkills = AdapterKey("exclusive", .flag(\.exclusiveSkills))

  /// Every key of every method, in the order in which they are written.
  public static let all = [
    rank, alpha, dropout, rankStabilized, decomposed, rankPattern, alphaPattern, feedforwardModules, taskCount,
    expertCount, routerBlock, skillCount, splitCount, commonSkillCount, taskSkillCount, normalizesRouter,
    exclusiveSkills,
  ]
}

extension PEFTType {
  /// What decides how much each expert or skill counts.
  public var routing: Routing { method?.routing ?? .none }

  /// Whether the method reads a key.
  public func reads(_ key: AdapterKey) -> Bool { method?.keys.contains { $0.name == key.name } ?? false }
}
