import Foundation
import TestSupport
import Testing

/// Faults of routed adapters, and of recipes that ask for them: one line each, and the right exit code.
struct RoutedInputTests {
  private static let cPoly = "{peft_type: C_POLY, r: 2, target_modules: [c_attn]}"

  @Test(arguments: [
    (
      "{peft_type: POLY, n_splits: 5, target_modules: [c_attn]}", 4,
      "transformer.h.0.attn.c_attn: the input width, 16, is not divisible by n_splits, 5; choose another n_splits"
    ),
    (
      "{peft_type: MODE, r: 4, router_block: 3, target_modules: [c_attn]}", 4,
      "r, 4, is not divisible by router_block, 3; choose another router_block"
    ),
    (
      "{peft_type: C_POLY, n_common_skills: 0, n_task_skills: 0, target_modules: [c_attn]}", 4,
      "n_common_skills and n_task_skills are both 0: one of them must be above"
    ),
    (
      "{peft_type: TASK_LORA, n_tasks: 3}", 2,
      "`adapter.n_tasks` is 3 (line 1); it must be 2, as many as there are tasks; it may be left out"
    ),
    (
      "{peft_type: LORA, new_tasks: [x]}", 2,
      "`adapter.new_tasks` (line 1) does not go with an adapter without init_from; remove it"
    ),
    ("{peft_type: MODE, n_tasks: 2}", 2, "`adapter.n_tasks` (line 1) does not go with peft_type MODE; remove it"),
  ])
  func anAdapterThatCannotBeIsRefused(adapter: String, code: Int, text: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = adapter
      let outcome = try folder.train(ranks: 1)
      #expect(outcome.exitCode == Int32(code))
      #expect(outcome.messages == ["polyad: " + text])
    }
  }

  @Test(arguments: [
    (
      "sparse_updates: true",
      "sparse_updates is set, but a model with peft_type LORA has no rows of single tasks: remove the key"
    ),
    ("router_noise: false", "`router_noise` (line 9) does not go with peft_type LORA; remove it"),
    ("router_balance_loss: 0.1", "`router_balance_loss` (line 9) does not go with peft_type LORA; remove it"),
  ])
  func aRoutersKeyWithoutARouterIsRefused(line: String, text: String) throws {
    try TrainFolder.with { folder in
      let parts = line.split(separator: ":")
      folder.recipe[String(parts[0])] = String(parts[1])
      let outcome = try folder.train(ranks: 1)
      #expect(outcome.exitCode == 2)
      #expect(outcome.messages.count == 1)
      let message = outcome.messages.first?.replacing(/line \d+/, with: "line 9")
      #expect(message == "polyad: " + text)
    }
  }

  @Test func tasksTheAdapterDoesNotKnowAreNamedWithThoseItDoes() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.cPoly
      _ = try folder.trained(ranks: 1, as: "old")
      let known = #"the adapter knows no task "rte"; it knows: add, copy"#
      try folder.write([["input_ids": [1, 2, 3], "labels": [-100, 2, 3], "task": "rte"]], to: "line.jsonl")
      func score(_ options: [String]) throws -> PolyadProcess.Outcome {
        try PolyadProcess.run(
          ["score", "--model", "model", "--adapter", "old", "--input", "line.jsonl"] + options, in: folder.url)
      }
      #expect(try score(["--task", "rte"]).messages == ["polyad: " + known])
      #expect(try score(["--task", "rte"]).exitCode == 4)
      #expect(try score(["--task", "2"]).messages == [#"polyad: the adapter knows no task "2"; it knows: add, copy"#])
      let line = try score([])
      #expect(line.exitCode == 3 && line.messages.count == 1)
      #expect(line.messages.first?.contains("add, copy") == true)
      #expect(try score(["--task", "copy"]).exitCode == 0)

      folder.recipe["tasks"] = """
        [{name: rte, format: jsonl, train: add.jsonl, test: add.jsonl, source: "{text}", target: "{answer}"}]
        """
      try folder.writeRecipe()
      let evaluated = try PolyadProcess.run(["evaluate", "recipe.yaml", "--adapter", "old"], in: folder.url)
      #expect(evaluated.exitCode == 4 && evaluated.messages == ["polyad: " + known])
      folder.recipe["adapter"] = "{init_from: old}"
      let trained = try folder.train(ranks: 1)
      #expect(trained.exitCode == 4 && trained.messages == ["polyad: " + known])
    }
  }

  /// An adapter without names, as PEFT's Poly writes it, takes the recipe's tasks in their order.
  @Test func anAdapterOfAnotherNumberOfTasksIsRefused() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.cPoly
      _ = try folder.trained(ranks: 1, as: "old")
      let file = folder.file("old/adapter_config.json")
      var json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      json["task_names"] = nil
      try JSONSerialization.data(withJSONObject: json).write(to: file)
      folder.recipe["adapter"] = "{init_from: old}"
      #expect(try folder.train(ranks: 1).exitCode == 0)
      // From now on it carries the recipe's names.
      let named = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.file("run/adapter_config.json")))
      #expect((named as? [String: Any])?["task_names"] as? [String] == ["add", "copy"])
      folder.recipe["adapter"] = "{init_from: old, new_tasks: [add]}"
      #expect(
        try folder.train(ranks: 1, ["output_dir=grown"]).messages == [
          "polyad: new_tasks: the adapter has no names for its 2 tasks; list them as task_names in its "
            + "adapter_config.json first"
        ])
      folder.recipe["adapter"] = "{init_from: old}"
      folder.recipe["output_dir"] = "other"
      folder.recipe["tasks"] = """
        [{name: add, format: jsonl, train: add.jsonl, source: "{text}", target: "{answer}"}]
        """
      let outcome = try folder.train(ranks: 1)
      #expect(outcome.exitCode == 4)
      #expect(
        outcome.messages == [
          "polyad: the adapter has n_tasks 2 and no names for them, but the recipe has 1 task(s): "
            + "list 2 tasks in the adapter's order"
        ])
    }
  }

  @Test(arguments: [
    ("new_tasks: [copy]", #"new_tasks: the adapter knows "copy" already, or it is listed twice; remove it"#),
    (
      "new_tasks: [say]",
      #"new_tasks: "say" is no task of the recipe, so nothing would train it; add it to tasks"#
    ),
    ("train: task", "train: task trains what new tasks alone own, but new_tasks names none; add them"),
  ])
  func newTasksThatCannotBeAreRefused(keys: String, text: String) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.cPoly
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["adapter"] = "{init_from: old, \(keys)}"
      let outcome = try folder.train(ranks: 1)
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages == ["polyad: " + text])
    }
  }

  /// A key that concerns nothing that trains would be ignored.
  @Test func keysOfPartsThatDoNotTrainAreRefused() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.cPoly
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["adapter"] = "{init_from: old, train: router}"
      let rate = try folder.train(ranks: 1, ["loraplus_lr_ratio=4"])
      #expect(rate.exitCode == 2 && rate.messages.count == 1)
      #expect(rate.messages.first?.contains("loraplus_lr_ratio is set, but a model with peft_type C_POLY") == true)
      folder.recipe["adapter"] = "{peft_type: C_POLY, n_common_skills: 0, target_modules: [c_attn]}"
      let noise = try folder.train(ranks: 1, ["router_noise=false"])
      #expect(noise.exitCode == 2)
      #expect(noise.messages == ["polyad: `router_noise` (--set) does not go with peft_type C_POLY; remove it"])
      folder.recipe["adapter"] = Self.cPoly
      let heat = try folder.train(ranks: 1, ["router_noise=false", "router_temperature=2"])
      #expect(
        heat.messages == [
          "polyad: `router_temperature` is 2.0 (--set); it must be left out where router_noise is false"
        ])
    }
  }

  @Test func methodsWithoutTasksOrRoutersSaySo() throws {
    try TrainFolder.with { folder in
      _ = try folder.trained(ranks: 1, as: "old")
      for (keys, text) in [
        (
          "new_tasks: [add]",
          "new_tasks: an adapter of peft_type LORA is not routed by task and takes any; remove the key"
        ),
        (
          "train: task",
          "train: task: an adapter of peft_type LORA is not routed by task, so no part belongs to one; "
            + "use train: router or all"
        ),
        ("train: router", "train: router: an adapter of peft_type LORA has no such part; use train: all"),
      ] {
        folder.recipe["adapter"] = "{init_from: old, \(keys)}"
        let outcome = try folder.train(ranks: 1)
        #expect(outcome.exitCode == 4)
        #expect(outcome.messages == ["polyad: " + text])
      }
    }
  }

  @Test func aRouterThatIsNotFiniteIsNamed() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = "{peft_type: MOLORA, r: 2, target_modules: [c_attn]}"
      _ = try folder.trained(ranks: 1, as: "old")
      let url = folder.file("old/adapter_model.safetensors")
      var file = try TensorFile(url)
      let name = "base_model.model.transformer.h.1.attn.c_attn.router"
      file.tensors[name]!.values[3] = .nan
      try file.write(to: url)
      try folder.write([["input_ids": [1, 2, 3], "labels": [-100, 2, 3]]], to: "line.jsonl")
      let outcome = try PolyadProcess.run(
        ["score", "--model", "model", "--adapter", "old", "--input", "line.jsonl"], in: folder.url)
      #expect(outcome.exitCode == 4)
      #expect(outcome.messages.count == 1)
      #expect(outcome.messages.first?.hasSuffix("tensor \(name) holds NaN or infinite numbers") == true)
    }
  }
}
