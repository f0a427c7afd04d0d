/// What can be wrong with an adapter: its configuration, its files, or its fit to the model.
public enum AdapterError: Error, CustomStringConvertible, Equatable {
  case unsupportedType(String, source: String)
  case unsupportedOption(String, value: String, source: String)
  case invalidOption(String, reason: String, source: String)
  case noMatch(pattern: String, examples: [String])
  case unusedPattern(key: String, pattern: String, examples: [String])
  case invalidPattern(String, reason: String)
  case ambiguousPatterns(String, String, module: String)
  case noModuleToSave(String, examples: [String])
  case indivisible(String, Int, by: String, Int, module: String?)
  case noSkills
  case missingTensors([String], file: String)
  case surplusTensors([String], file: String)
  case wrongShape(name: String, found: [Int], expected: [Int], file: String)
  case notFinite(name: String, file: String)

  public var description: String {
    switch self {
    case .unsupportedType(let type, let source):
      return "\(source): peft_type \"\(type)\" is not supported; supported: "
        + PEFTType.allCases.map(\.rawValue).joined(separator: ", ")
    case .unsupportedOption(let key, let value, let source):
      return "\(source): \(key) = \(value) is not supported; remove it or train without it"
    case .invalidOption(let key, let reason, let source): return "\(source): \(key) \(reason)"
    case .noMatch(let pattern, let examples):
      return "target_modules: \"\(pattern)\" matches no linear map of the model, whose modules are named like "
        + Self.list(examples)
    case .unusedPattern(let key, let pattern, let examples):
      return "\(key): \"\(pattern)\" fits no module that target_modules selects; these are named like "
        + Self.list(examples)
    case .invalidPattern(let pattern, let reason):
      return "target_modules: \"\(pattern)\" is not a regular expression: \(reason)"
    case .ambiguousPatterns(let first, let second, let module):
      return "rank_pattern or alpha_pattern: \"\(first)\" and \"\(second)\" both fit \(module) with different values; "
        + "make them exclude each other"
    case .noModuleToSave(let name, let examples):
      return "modules_to_save: \"\(name)\" is no module of the model, whose modules are named like "
        + Self.list(examples)
    case .indivisible(let what, let value, let by, let divisor, let module):
      return "\(module.map { "\($0): " } ?? "")\(what), \(value), is not divisible by \(by), \(divisor); "
        + "choose another \(by)"
    case .noSkills: return "n_common_skills and n_task_skills are both 0: one of them must be above"
    case .missingTensors(let names, let file):
      return "\(file): \(names.count) tensor(s) of the adapter are missing: \(Self.list(names)); "
        + "was it made for another model or other target_modules?"
    case .surplusTensors(let names, let file):
      return "\(file): \(names.count) tensor(s) have no place in this model and adapter: \(Self.list(names))"
    case .wrongShape(let name, let found, let expected, let file):
      return "\(file): tensor \(name) has shape \(found), the model and adapter_config.json ask for \(expected)"
    case .notFinite(let name, let file): return "\(file): tensor \(name) holds NaN or infinite numbers"
    }
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", …" : "")
  }
}
