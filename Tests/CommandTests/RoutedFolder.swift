import Checkpoints
import Foundation
import TestSupport

/// A folder with a small routed adapter for the GPT-2 fixture: `adapter`.
enum RoutedFolder {
  /// The fixture's layers.
  static let layers = 2
  /// Inputs and outputs of c_attn.
  static let inputs = 48, outputs = 144

  /// C-Poly with two tasks, a common skill and an own one, r = 2 and α = 6.
  ///
  /// - Parameter names: The tasks' names; none: the adapter carries none.
  static func with<Result>(names: [String], _ body: (URL) throws -> Result) throws -> Result {
    try withTemporaryFolder { folder in
      try writeCPoly(to: folder.appending(path: "adapter"), names: names)
      return try body(folder)
    }
  }

  /// - Parameters:
  ///   - common: The tasks' logits on the common skill in each layer.
  ///   - own: Their weights on their own skills.
  static func writeCPoly(
    to folder: URL, names: [String], common: [Float] = [0, 0], own: [Float] = [1, 0.25]
  ) throws {
    let skills = 1 + common.count
    var configuration: [String: any Sendable] = [
      "peft_type": "C_POLY", "r": 2, "lora_alpha": 6, "n_tasks": common.count, "n_common_skills": 1, "n_task_skills": 1,
      "normalize_router": false, "target_modules": ["c_attn"], "fan_in_fan_out": true, "task_type": "CAUSAL_LM",
    ]
    if !names.isEmpty { configuration["task_names"] = names }
    try write(configuration, to: folder) { layer in
      [
        ("lora_A", [skills, 2, inputs], ramp(skills * 2 * inputs, layer)),
        ("lora_B", [skills, outputs, 2], ramp(skills * outputs * 2, layer + 5)),
        ("router_common", [common.count, 1], common), ("router_specific", [own.count, 1], own),
      ]
    }
  }

  /// MoLoRA with three experts.
  ///
  /// - Parameter router: (experts, inputs).
  static func writeMoLoRA(to folder: URL, router: [Float], model: String? = nil) throws {
    var configuration: [String: any Sendable] = [
      "peft_type": "MOLORA", "r": 1, "lora_alpha": 1, "n_experts": 3, "target_modules": ["c_attn"],
      "fan_in_fan_out": true, "task_type": "CAUSAL_LM",
    ]
    configuration["base_model_name_or_path"] = model
    try write(configuration, to: folder) { layer in
      [
        ("lora_A", [3, 1, inputs], ramp(3 * inputs, layer)), ("lora_B", [3, outputs, 1], ramp(3 * outputs, layer + 5)),
        ("router", [3, inputs], router),
      ]
    }
  }

  /// Numbers of both signs without a pattern that a fault could keep.
  static func ramp(_ count: Int, _ start: Int) -> [Float] {
    (0..<count).map { Float(($0 * 37 + start * 11) % 101) / 500 - 0.1 }
  }

  private static func write(
    _ configuration: [String: any Sendable], to folder: URL,
    _ tensors: (_ layer: Int) -> [(suffix: String, shape: [Int], values: [Float])]
  ) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try JSONSerialization.data(withJSONObject: configuration)
      .write(to: folder.appending(path: "adapter_config.json"))
    try SafetensorsWriter.write(
      to: folder.appending(path: "adapter_model.safetensors"),
      arrays: (0..<layers).flatMap { layer in
        tensors(layer).map {
          ("base_model.model.transformer.h.\(layer).attn.c_attn.\($0.suffix)", $0.shape, $0.values)
        }
      })
  }
}
