import Foundation

extension AdapterConfiguration {
  /// Reads a PEFT adapter_config.json.
  ///
  /// - Parameter source: The file's path, for errors.
  /// - Throws: ``AdapterError`` for a type or an option that changes the result and is not supported.
  public init(json: [String: Any], source: String) throws {
    let reader = OptionReader(json: json, source: source)
    let name = try reader.text("peft_type") ?? "(none)"
    guard let type = PEFTType(rawValue: name), type != .full else {
      throw AdapterError.unsupportedType(name, source: source)
    }
    self.init(peftType: type)
    try reader.refuseUnsupported()
    targetModules = try reader.modules("target_modules")
    feedforwardModules = try reader.modules("feedforward_modules")
    modulesToSave = try reader.names("modules_to_save")
    baseModel = try reader.text("base_model_name_or_path")
    taskType = try reader.text("task_type")
    adapterRank = try reader.number("r").map { try reader.rank($0, "r") } ?? adapterRank
    loraAlpha = try reader.number("lora_alpha") ?? loraAlpha
    loraDropout = try reader.number("lora_dropout") ?? 0
    guard (0..<1).contains(loraDropout) else {
      throw AdapterError.invalidOption(
        "lora_dropout", reason: "must be at least 0 and below 1, not \(loraDropout)", source: source)
    }
    useRSLoRA = try reader.flag("use_rslora")
    rankPattern = try reader.patterns("rank_pattern").map {
      PatternValue(pattern: $0.pattern, value: try reader.rank($0.value, "rank_pattern of \"\($0.pattern)\""))
    }
    alphaPattern = try reader.patterns("alpha_pattern")
  }

  /// The keys and values of a PEFT adapter_config.json.
  ///
  /// - Parameter storesInputsFirst: Whether the backbone keeps weights as (inputs, outputs), PEFT's fan_in_fan_out.
  public func json(storesInputsFirst: Bool) -> [String: Any] {
    var json: [String: Any] = [
      "peft_type": peftType.rawValue, "task_type": taskType ?? NSNull(),
      "base_model_name_or_path": baseModel ?? NSNull(), "inference_mode": true,
      "fan_in_fan_out": storesInputsFirst, "target_modules": targetModules?.json ?? NSNull(),
      "modules_to_save": modulesToSave.isEmpty ? NSNull() : modulesToSave,
    ]
    switch peftType {
    case .lora:
      json["r"] = adapterRank
      json["lora_alpha"] = Int(exactly: loraAlpha).map { $0 as Any } ?? loraAlpha
      json["lora_dropout"] = loraDropout
      json["use_rslora"] = useRSLoRA
      json["bias"] = "none"
      json["init_lora_weights"] = true
      json["rank_pattern"] = Dictionary(rankPattern.map { ($0.pattern, $0.value) }) { first, _ in first }
      json["alpha_pattern"] = Dictionary(alphaPattern.map { ($0.pattern, $0.value) }) { first, _ in first }
    case .ia3:
      json["feedforward_modules"] = feedforwardModules?.json ?? [String]()
      json["init_ia3_weights"] = true
    case .full: break
    }
    return json
  }
}

extension ModulePattern {
  fileprivate var json: Any {
    switch self {
    case .endings(let names): names
    case .expression(let text): text
    }
  }
}

/// Reads options of an adapter_config.json and says which one is wrong.
private struct OptionReader {
  let json: [String: Any]
  let source: String

  private func value(_ key: String) -> Any? { json[key].flatMap { $0 is NSNull ? nil : $0 } }

  private func wrong(_ key: String, _ expected: String) -> AdapterError {
    .invalidOption(key, reason: "must be \(expected), not \(value(key) ?? "null")", source: source)
  }

  func text(_ key: String) throws -> String? {
    guard let value = value(key) else { return nil }
    guard let text = value as? String else { throw wrong(key, "a text") }
    return text
  }

  func number(_ key: String) throws -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value as? Double, Self.isSensible(number) else { throw wrong(key, "a number") }
    return number
  }

  /// Whether a number and its products with others stay finite as 32-bit floats.
  private static func isSensible(_ number: Double) -> Bool { abs(number) < 1e9 }

  func rank(_ number: Double, _ name: String) throws -> Int {
    let ranks = AdapterConfiguration.possibleRanks
    guard let rank = Int(exactly: number), ranks.contains(rank) else {
      throw AdapterError.invalidOption(
        name, reason: "must be a whole number from \(ranks.lowerBound) to \(ranks.upperBound), not \(number)",
        source: source)
    }
    return rank
  }

  func flag(_ key: String) throws -> Bool {
    guard let value = value(key) else { return false }
    guard let flag = value as? Bool else { throw wrong(key, "true or false") }
    return flag
  }

  func names(_ key: String) throws -> [String] {
    guard let value = value(key) else { return [] }
    guard let names = value as? [String] else { throw wrong(key, "a list of names") }
    return names
  }

  func modules(_ key: String) throws -> ModulePattern? {
    guard let value = value(key) else { return nil }
    if let text = value as? String { return .expression(text) }
    guard let names = value as? [String] else { throw wrong(key, "a list of names or a regular expression") }
    return .endings(names.sorted())
  }

  func patterns(_ key: String) throws -> [PatternValue<Double>] {
    guard let value = value(key) else { return [] }
    guard let map = value as? [String: Double], map.values.allSatisfy(Self.isSensible) else {
      throw wrong(key, "a map of patterns to numbers")
    }
    return map.sorted { $0.key < $1.key }.map { PatternValue(pattern: $0.key, value: $0.value) }
  }

  /// Options of PEFT that would change the result and that nothing here computes.
  func refuseUnsupported() throws {
    for key in ["use_dora", "lora_bias", "use_qalora", "use_bdlora"] where try flag(key) {
      throw AdapterError.unsupportedOption(key, value: "true", source: source)
    }
    let absent = [
      "layers_to_transform", "layers_pattern", "exclude_modules", "target_parameters", "trainable_token_indices",
      "layer_replication", "alora_invocation_tokens", "arrow_config",
    ]
    for key in absent {
      guard let value = value(key), (value as? [Any])?.isEmpty != true else { continue }
      throw AdapterError.unsupportedOption(key, value: "\(value)", source: source)
    }
    if let bias = try text("bias"), bias != "none" {
      throw AdapterError.unsupportedOption("bias", value: bias, source: source)
    }
    if let start = value("init_lora_weights") as? String, ["pissa", "olora", "corda", "loftq"].contains(where: start.hasPrefix) {
      throw AdapterError.unsupportedOption("init_lora_weights", value: start, source: source)
    }
  }
}
