import Adapters
import Foundation
import ModelTestSupport
import TestSupport
import Testing

/// Each method's keys in adapter_config.json, and what is refused.
struct MethodConfigurationTests {
  /// Every key of a method at a value that is not its default.
  private static let cases: [(type: PEFTType, keys: String)] = [
    (
      .lora,
      #"""
      "r": 3, "lora_alpha": 2.5, "lora_dropout": 0.25, "use_rslora": true, "use_dora": true,
      "rank_pattern": {"c_fc": 2}, "alpha_pattern": {"c_fc": 1.5}
      """#
    ),
    (.ia3, #""feedforward_modules": ["c_fc"]"#),
    (.poly, #""r": 3, "n_tasks": 2, "n_skills": 5, "n_splits": 2"#),
    (.taskLoRA, #""r": 3, "lora_alpha": 2.5, "lora_dropout": 0.25, "n_tasks": 2"#),
    (.moLoRA, #""r": 3, "lora_alpha": 2.5, "lora_dropout": 0.25, "n_experts": 6"#),
    (.moLoRASD, #""r": 3, "lora_alpha": 2.5, "lora_dropout": 0.25, "n_experts": 6"#),
    (.moDE, #""r": 6, "lora_alpha": 2.5, "lora_dropout": 0.25, "n_experts": 6, "router_block": 3"#),
    (
      .cPoly,
      #"""
      "r": 3, "lora_alpha": 2.5, "lora_dropout": 0.25, "n_tasks": 2, "n_common_skills": 4, "n_task_skills": 2,
      "normalize_router": false, "exclusive": false
      """#
    ),
  ]

  /// Reads the file that holds `object`.
  private func read(_ object: [String: Any]) throws -> AdapterConfiguration {
    try AdapterConfiguration(json: self.object(text(of: object)), source: "adapter_config.json")
  }

  private func object(_ text: String) throws -> [String: Any] {
    try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
  }

  private func text(of object: [String: Any]) throws -> String {
    String(decoding: try JSONSerialization.data(withJSONObject: object, options: .sortedKeys), as: UTF8.self)
  }

  @Test func everyKeyOfEveryMethodSurvivesTheFile() throws {
    #expect(Self.cases.map(\.type) == PEFTType.allCases.filter { $0 != .full })
    for (type, keys) in Self.cases {
      let own = try object("{\(keys)}"), isByTask = type.method?.routing == .task
      var json = try object(
        """
        {\(keys), "peft_type": "\(type.rawValue)", "target_modules": ["c_attn", "c_fc"], "modules_to_save": ["ln_f"],
         "task_type": "CAUSAL_LM", "base_model_name_or_path": "gpt2", "inference_mode": true, "fan_in_fan_out": true}
        """)
      if isByTask { json["task_names"] = ["copy", "sort"] }
      let configuration = try read(json)
      #expect(AdapterKey.all.filter(type.reads).map(\.name).sorted() == own.keys.sorted())
      var written = configuration.json(storesInputsFirst: true)
      #expect(try read(written) == configuration)
      for key in type.method?.constants.keys.sorted() ?? [] { written[key] = nil }
      #expect(try text(of: written) == text(of: json))
      // Each key is read into a place of its own: without it the configuration is another.
      for key in own.keys where key != "n_tasks" {
        var fewer = json
        fewer[key] = nil
        #expect(try read(fewer) != configuration, "\(type) \(key)")
      }
    }
  }

  @Test func theDefaultsAreThoseOfTheDesign() throws {
    let cPoly = try read(["peft_type": "C_POLY", "n_tasks": 7])
    #expect((cPoly.commonSkillCount, cPoly.taskSkillCount) == (3, 1))
    #expect(cPoly.normalizesRouter && cPoly.exclusiveSkills && cPoly.taskNames.isEmpty && cPoly.routing == .task)
    let mode = try read(["peft_type": "MODE"])
    #expect((mode.expertCount, mode.routerBlock) == (4, 1) && mode.routing == .token)
    let poly = try read(["peft_type": "POLY", "n_tasks": 2, "poly_type": "poly", "init_weights": true])
    #expect((poly.skillCount, poly.splitCount) == (4, 1))
  }

  /// What PEFT's own PolyConfig must find beside the keys.
  @Test func polyIsWrittenAsPEFTsType() {
    let json = adapter(.poly).json(storesInputsFirst: true)
    #expect(json["poly_type"] as? String == "poly" && json["init_weights"] as? Bool == true)
    #expect(
      json.keys.sorted() == [
        "base_model_name_or_path", "fan_in_fan_out", "inference_mode", "init_weights", "modules_to_save", "n_skills",
        "n_splits", "n_tasks", "peft_type", "poly_type", "r", "target_modules", "task_type",
      ])
  }

  @Test(arguments: [
    (#"{"peft_type": "POLY", "n_skills": 2}"#, "n_tasks is missing"),
    (#"{"peft_type": "TASK_LORA"}"#, "n_tasks is missing"), (#"{"peft_type": "C_POLY"}"#, "n_tasks is missing"),
    (#"{"peft_type": "C_POLY", "n_tasks": 0}"#, "n_tasks must be a whole number from 1 to 1000000, not 0"),
    (#"{"peft_type": "MODE", "n_experts": 0}"#, "n_experts must be a whole number from 1 to 65536, not 0"),
    (#"{"peft_type": "MODE", "router_block": 0}"#, "router_block must be a whole number from 1 to 65536, not 0"),
    (
      #"{"peft_type": "POLY", "n_tasks": 2, "n_splits": 1.5}"#,
      "n_splits must be a whole number from 1 to 65536, not 1.5"
    ),
    (#"{"peft_type": "POLY", "n_tasks": 2, "n_skills": "two"}"#, "n_skills must be a number, not two"),
    (
      #"{"peft_type": "C_POLY", "n_tasks": 2, "n_common_skills": -1}"#,
      "n_common_skills must be a whole number from 0 to 65536, not -1"
    ),
    (
      #"{"peft_type": "C_POLY", "n_tasks": 2, "normalize_router": 2}"#, "normalize_router must be true or false, not 2"
    ),
    (
      #"{"peft_type": "C_POLY", "n_tasks": 2, "task_names": ["copy"]}"#,
      "task_names must be 2 names that differ, as many as n_tasks"
    ),
    (
      #"{"peft_type": "TASK_LORA", "n_tasks": 2, "task_names": ["copy", "copy"]}"#,
      "task_names must be 2 names that differ, as many as n_tasks"
    ),
    (#"{"peft_type": "POLY", "n_tasks": 2, "task_names": 2}"#, "task_names must be a list of names, not 2"),
    (
      #"{"peft_type": "POLY", "n_tasks": 2, "poly_type": "other"}"#,
      "poly_type = other is not supported; remove it or train without it"
    ),
  ])
  func aFaultNamesFileAndKey(json: String, expected: String) {
    let found = errorText { _ = try read(try object(json)) }
    #expect(found.hasPrefix("adapter_config.json: " + expected), "\(found)")
  }

  /// The text when a configuration meets the small model, of width 8 and inner width 12.
  private func misfit(_ configuration: AdapterConfiguration) -> String {
    errorText { _ = try AdapterModel(small: configuration) }
  }

  @Test func sizesThatDoNotDivideAreRefused() {
    #expect(
      misfit(adapter(.moDE) { ($0.adapterRank, $0.routerBlock) = (4, 3) })
        == "r, 4, is not divisible by router_block, 3; choose another router_block")
    #expect(
      misfit(adapter(.poly, ["c_fc"]) { $0.splitCount = 3 })
        == "transformer.h.0.mlp.c_fc: the input width, 8, is not divisible by n_splits, 3; choose another n_splits")
    #expect(
      misfit(adapter(.poly, ["c_fc"]) { $0.splitCount = 8 })
        == "transformer.h.0.mlp.c_fc: the output width, 12, is not divisible by n_splits, 8; choose another n_splits")
  }

  @Test func cPolyWithoutAnySkillIsRefused() {
    #expect(
      misfit(adapter(.cPoly) { ($0.commonSkillCount, $0.taskSkillCount) = (0, 0) })
        == "n_common_skills and n_task_skills are both 0: one of them must be above")
  }

  @Test func skillsSharedByAllTasksCannotGrow() {
    #expect(
      errorText { _ = try adapter(.cPoly) { $0.exclusiveSkills = false }.adding(newTasks: ["sort"]) }
        == "new_tasks: with exclusive: false every task has weights on every other's skills, so the adapter cannot grow"
    )
  }

  @Test(arguments: EveryMethodTests.Form.allCases)
  func aFolderHoldsTheWholeAdapter(form: EveryMethodTests.Form) throws {
    var configuration = form.configuration
    configuration.loraDropout = 0
    let model = try AdapterModel(small: configuration)
    model.scatterValues()
    try withTemporaryFolder { folder in
      try AdapterFolder.write(model, to: folder)
      let loaded = try AdapterFolder.load(folder, into: TestModel.random())
      #expect(loaded.parameters.entries.map(\.name) == model.parameters.entries.map(\.name))
      #expect(loaded.parameters.entries.map(\.shape) == model.parameters.entries.map(\.shape))
      #expect(loaded.numbers() == model.numbers())
      #expect(loaded.logits(severalTasks) == model.logits(severalTasks))
    }
  }
}
