import Adapters
import Foundation
import Testing

/// adapter_config.json, read and written.
struct AdapterConfigurationTests {
  private func read(_ text: String) throws -> AdapterConfiguration {
    let json = try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
    return try AdapterConfiguration(json: json, source: "adapter_config.json")
  }

  @Test func everyOptionIsRead() throws {
    let found = try read(
      """
      {"peft_type": "LORA", "r": 4, "lora_alpha": 2.5, "lora_dropout": 0.1, "use_rslora": true, "bias": "none",
       "target_modules": ["c_fc", "c_attn"], "modules_to_save": ["ln_f"], "task_type": "CAUSAL_LM",
       "base_model_name_or_path": "gpt2", "rank_pattern": {"c_fc": 2}, "alpha_pattern": {"c_fc": 1.5},
       "fan_in_fan_out": true, "layers_to_transform": null, "layer_replication": [], "use_dora": true,
       "exclude_modules": null, "init_lora_weights": true, "peft_version": "0.21.2"}
      """)
    var expected = lora(["c_attn", "c_fc"]) {
      $0.rankPattern = [.init(pattern: "c_fc", value: 2)]
      $0.alphaPattern = [.init(pattern: "c_fc", value: 1.5)]
      $0.useDoRA = true
    }
    (expected.adapterRank, expected.loraAlpha, expected.loraDropout, expected.useRSLoRA) = (4, 2.5, 0.1, true)
    (expected.modulesToSave, expected.baseModel, expected.taskType) = (["ln_f"], "gpt2", "CAUSAL_LM")
    #expect(found == expected)
    #expect(try read(#"{"peft_type": "IA3", "target_modules": ".*c_attn"}"#).targetModules == .expression(".*c_attn"))
  }

  @Test(arguments: [
    (#""lora_bias": true"#, "lora_bias = true"), (#""bias": "all""#, "bias = all"),
    (#""layers_pattern": "h""#, "layers_pattern = h"), (#""exclude_modules": "c_fc""#, "exclude_modules = c_fc"),
    (#""init_lora_weights": "pissa_niter_4""#, "init_lora_weights = pissa_niter_4"),
  ])
  func anOptionThatWouldChangeTheResultIsRefused(option: String, shown: String) {
    #expect(
      errorText { _ = try read(#"{"peft_type": "LORA", "target_modules": ["c_attn"], \#(option)}"#) }
        == "adapter_config.json: \(shown) is not supported; remove it or train without it")
  }

  @Test(arguments: [
    #""layers_to_transform": [0, 1]"#, #""trainable_token_indices": [3]"#, #""layer_replication": [[0, 1]]"#,
    #""target_parameters": ["a"]"#,
  ])
  func aListThatWouldChangeTheResultIsRefused(option: String) {
    let text = errorText { _ = try read(#"{"peft_type": "LORA", "target_modules": ["c_attn"], \#(option)}"#) }
    #expect(text.hasSuffix(" is not supported; remove it or train without it"), "\(text)")
  }

  @Test(arguments: [
    (#"{"peft_type": "VERA"}"#, "peft_type \"VERA\" is not supported; supported: "),
    (#"{"r": 8}"#, "peft_type \"(none)\" is not supported; supported: "),
    (#"{"peft_type": "FULL"}"#, "peft_type \"FULL\" is not supported; supported: "),
    (#"{"peft_type": "LORA", "r": 0}"#, "r must be a whole number from 1 to 65536, not 0"),
    (#"{"peft_type": "LORA", "r": "eight"}"#, "r must be a number, not eight"),
    (#"{"peft_type": "LORA", "r": 8.5}"#, "r must be a whole number from 1 to 65536, not 8.5"),
    (#"{"peft_type": "LORA", "r": 900000000}"#, "r must be a whole number from 1 to 65536, not 9"),
    (#"{"peft_type": "LORA", "r": 1e300}"#, "r must be a number, not "),
    (
      #"{"peft_type": "LORA", "rank_pattern": {"c_fc": -3}}"#,
      #"rank_pattern of "c_fc" must be a whole number from 1 to 65536, not -3"#
    ),
    (#"{"peft_type": "LORA", "rank_pattern": {"c_fc": 1e300}}"#, "rank_pattern must be a map of patterns to numbers"),
    (#"{"peft_type": "LORA", "lora_dropout": 1}"#, "lora_dropout must be at least 0 and below 1, not 1"),
    (#"{"peft_type": "LORA", "lora_dropout": -0.5}"#, "lora_dropout must be at least 0 and below 1, not -0.5"),
    (#"{"peft_type": "LORA", "use_rslora": "no"}"#, "use_rslora must be true or false, not no"),
    (#"{"peft_type": "LORA", "rank_pattern": [1]}"#, "rank_pattern must be a map of patterns to numbers, not "),
    (
      #"{"peft_type": "LORA", "target_modules": 3}"#,
      "target_modules must be a list of names or a regular expression, not 3"
    ),
    (#"{"peft_type": "LORA", "modules_to_save": "ln_f"}"#, "modules_to_save must be a list of names, not ln_f"),
  ])
  func aFaultNamesFileAndKey(text: String, expected: String) {
    let found = errorText { _ = try read(text) }
    #expect(found.hasPrefix("adapter_config.json: " + expected), "\(found)")
  }

  @Test func theKeysWrittenArePEFTs() {
    let json = lora { $0.modulesToSave = ["ln_f"] }.json(storesInputsFirst: true)
    #expect(
      json.keys.sorted() == [
        "alpha_pattern", "base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights",
        "lora_alpha", "lora_dropout", "modules_to_save", "peft_type", "r", "rank_pattern", "target_modules",
        "task_type", "use_dora", "use_rslora",
      ])
    #expect(json["peft_type"] as? String == "LORA" && json["r"] as? Int == 3 && json["lora_alpha"] as? Int == 5)
    #expect(json["fan_in_fan_out"] as? Bool == true && json["modules_to_save"] as? [String] == ["ln_f"])
    let scaling = ia3(["c_attn", "mlp.c_proj"], feedforward: ["mlp.c_proj"]).json(storesInputsFirst: false)
    #expect(
      scaling.keys.sorted() == [
        "base_model_name_or_path", "fan_in_fan_out", "feedforward_modules", "inference_mode", "init_ia3_weights",
        "modules_to_save", "peft_type", "target_modules", "task_type",
      ])
    #expect(scaling["feedforward_modules"] as? [String] == ["mlp.c_proj"] && scaling["modules_to_save"] is NSNull)
  }
}
