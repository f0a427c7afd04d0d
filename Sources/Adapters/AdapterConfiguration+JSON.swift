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
    modulesToSave = try reader.names("modules_to_save")
    taskHeads = try reader.heads("task_heads")
    baseModel = try reader.text("base_model_name_or_path")
    taskType = try reader.text("task_type")
    for key in AdapterKey.all where type.reads(key) { try reader.read(key, into: &self) }
    taskNames = type.method?.routing == .task ? try reader.names("task_names") : []
    if type.reads(.taskCount), taskCount == 0 {
      throw AdapterError.invalidOption(AdapterKey.taskCount.name, reason: "is missing", source: source)
    }
    guard taskNames.isEmpty || taskNames.count == taskCount && Set(taskNames).count == taskCount else {
      throw AdapterError.invalidOption(
        "task_names", reason: "must be \(taskCount) names that differ, as many as n_tasks", source: source)
    }
  }

  /// The keys and values of a PEFT adapter_config.json.
  ///
  /// - Parameter storesInputsFirst: Whether the backbone keeps weights as (inputs, outputs), PEFT's fan_in_fan_out.
  public func json(storesInputsFirst: Bool) -> [String: Any] {
    var json: [String: Any] = [
      "peft_type": peftType.rawValue, "task_type": taskType ?? NSNull(),
      "base_model_name_or_path": baseModel ?? NSNull(), "inference_mode": true,
      "target_modules": targetModules?.json ?? NSNull(),
      "modules_to_save": modulesToSave.isEmpty ? NSNull() : modulesToSave,
    ]
    // PEFT's Poly does not know the key; it takes no model that needs it.
    if storesInputsFirst || peftType != .poly { json["fan_in_fan_out"] = storesInputsFirst }
    for (key, value) in peftType.method?.constants ?? [:] { json[key] = value }
    for key in AdapterKey.all where peftType.reads(key) { json[key.name] = key.json(of: self) }
    if !taskNames.isEmpty { json["task_names"] = taskNames }
    if !taskHeads.isEmpty { json["task_heads"] = taskHeads.map(\.json) }
    return json
  }
}

extension AdapterKey {
  /// The value as JSON.
  func json(of configuration: AdapterConfiguration) -> Any {
    func patterns<Value>(_ patterns: [PatternValue<Value>]) -> [String: Value] {
      Dictionary(patterns.map { ($0.pattern, $0.value) }) { first, _ in first }
    }
    switch storage {
    case .integer(let path, _): return configuration[keyPath: path]
    case .flag(let path): return configuration[keyPath: path]
    case .number(let path, _):
      let number = configuration[keyPath: path]
      return Int(exactly: number).map { $0 as Any } ?? number
    case .modules(let path): return configuration[keyPath: path]?.json ?? [String]()
    case .ranks(let path, _): return patterns(configuration[keyPath: path])
    case .numbers(let path): return patterns(configuration[keyPath: path])
    }
  }
}

extension TaskHead {
  fileprivate var json: [String: Any] {
    var json: [String: Any] = ["task": task, "num_labels": labelCount]
    if !labels.isEmpty { json["labels"] = labels }
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

  /// Reads a key, if it is there.
  func read(_ key: AdapterKey, into configuration: inout AdapterConfiguration) throws {
    let name = key.name
    guard value(name) != nil else { return }
    switch key.storage {
    case .integer(let path, let range):
      configuration[keyPath: path] = try integer(number(name) ?? 0, within: range, name)
    case .number(let path, let limit):
      let number = try number(name) ?? 0
      guard limit.contains(number) else {
        throw AdapterError.invalidOption(name, reason: "must be \(limit.text), not \(number)", source: source)
      }
      configuration[keyPath: path] = number
    case .flag(let path): configuration[keyPath: path] = try flag(name)
    case .modules(let path): configuration[keyPath: path] = try modules(name)
    case .ranks(let path, let range):
      configuration[keyPath: path] = try patterns(name).map {
        let value = try integer($0.value, within: range, "\(name) of \"\($0.pattern)\"")
        return PatternValue(pattern: $0.pattern, value: value)
      }
    case .numbers(let path): configuration[keyPath: path] = try patterns(name)
    }
  }

  private func integer(_ number: Double, within range: ClosedRange<Int>, _ name: String) throws -> Int {
    guard let integer = Int(exactly: number), range.contains(integer) else {
      throw AdapterError.invalidOption(
        name, reason: "must be a whole number from \(range.lowerBound) to \(range.upperBound), not \(number)",
        source: source)
    }
    return integer
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

  func heads(_ key: String) throws -> [TaskHead] {
    guard let value = value(key) else { return [] }
    let heads = (value as? [[String: Any]] ?? []).compactMap { head -> TaskHead? in
      guard let task = head["task"] as? String, let count = head["num_labels"] as? Int,
        AdapterKey.possibleCounts.contains(count)
      else { return nil }
      let given = head["labels"], labels = given as? [String] ?? []
      guard given == nil || given is [String] else { return nil }
      return labels.isEmpty || labels.count == count ? TaskHead(task: task, labelCount: count, labels: labels) : nil
    }
    guard heads.count == (value as? [Any])?.count, Set(heads.map(\.task)).count == heads.count else {
      throw wrong(key, "a list of tasks that differ, each with its num_labels and, if any, as many labels")
    }
    return heads
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
    for key in ["lora_bias", "use_qalora", "use_bdlora"] where try flag(key) {
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
    if let type = try text("poly_type"), type != "poly" {
      throw AdapterError.unsupportedOption("poly_type", value: type, source: source)
    }
    let derived = ["pissa", "olora", "corda", "loftq"]
    if let start = value("init_lora_weights") as? String, derived.contains(where: start.hasPrefix) {
      throw AdapterError.unsupportedOption("init_lora_weights", value: start, source: source)
    }
  }
}
