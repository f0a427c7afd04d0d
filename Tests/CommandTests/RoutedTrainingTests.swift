import Foundation
import TestSupport
import Testing

/// Every method through the command, with noise on: ranks and resumption change nothing, dense or sparse.
struct RoutedTrainingTests {
  static let adapters = [
    "{peft_type: TASK_LORA, r: 2, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
    "{peft_type: MOLORA, r: 2, n_experts: 3, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
    "{peft_type: MOLORA_SD, r: 2, n_experts: 3, target_modules: [c_attn, c_proj]}",
    "{peft_type: MODE, r: 4, n_experts: 3, router_block: 2, target_modules: [c_attn, c_proj]}",
    "{peft_type: POLY, r: 2, n_skills: 3, target_modules: [c_attn, c_proj]}",
    "{peft_type: POLY, r: 2, n_skills: 3, n_splits: 4, target_modules: [c_attn, c_proj]}",
    "{peft_type: C_POLY, r: 2, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
    "{peft_type: C_POLY, r: 2, exclusive: false, target_modules: [c_attn, c_proj]}",
    "{peft_type: LORA, r: 2, use_dora: true, lora_dropout: 0.1, target_modules: [c_attn, c_proj]}",
  ]

  /// Those with rows that belong to one task.
  static let adaptersWithTaskRows = adapters.filter { adapter in
    ["TASK_LORA", "POLY", "C_POLY"].contains { adapter.contains("peft_type: \($0),") }
  }

  @Test(arguments: adapters.map { ($0, false) } + adaptersWithTaskRows.map { ($0, true) })
  func everyRankCountWritesTheSameBytes(adapter: String, isSparse: Bool) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = adapter
      folder.recipe["sparse_updates"] = isSparse ? "true" : "false"
      let alone = try folder.trained(ranks: 1, as: "alone")
      for ranks in [2, 4] {
        #expect(try folder.trained(ranks: ranks, as: "run\(ranks)") == alone, "\(ranks) ranks")
      }
      let losses = folder.lines(of: "alone/metrics.jsonl").compactMap { $0["loss"] as? Double }
      #expect(losses.last! < losses.first!)
    }
  }

  /// The moments' step counts of each task are part of what a checkpoint holds.
  @Test func aSparseRunGoesOnWithMoreRanksToTheSameBytes() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.adapters[6]
      folder.recipe["sparse_updates"] = "true"
      // One sequence a step: most steps leave one of the tasks alone.
      (folder.recipe["train_batch_size"], folder.recipe["micro_batches"]) = ("2", "2")
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=5"])
      let resumed = try folder.train(ranks: 2, ["max_steps=9"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", ["max_steps=9"]))
      let dense = try folder.trained(ranks: 1, as: "dense", ["max_steps=9", "sparse_updates=false"])
      #expect(try folder.weights(of: "run") != dense)
    }
  }

  @Test func noiseAndRouterRatesChangeTheResult() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.adapters[4]
      let noisy = try folder.trained(ranks: 1, as: "noisy")
      let settings = [
        "router_noise=false", "router_temperature=0.5", "router_learning_rate=0.1", "router_weight_decay=0",
        "loraplus_lr_ratio=4",
      ]
      for setting in settings {
        #expect(try folder.trained(ranks: 1, as: "other", [setting]) != noisy, "\(setting)")
        try FileManager.default.removeItem(at: folder.file("other"))
      }
    }
  }

  /// The losses of token routers come from the whole batch's routing, so that ranks change nothing.
  @Test func routerLossesAreTheSameForEveryRankCountAndBalanceTheExperts() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.adapters[1]
      (folder.recipe["router_balance_loss"], folder.recipe["router_z_loss"]) = ("1", "0.01")
      let alone = try folder.trained(ranks: 1, as: "alone", ["max_steps=30"])
      #expect(try folder.trained(ranks: 3, as: "three", ["max_steps=30"]) == alone)
      let balance = folder.lines(of: "alone/metrics.jsonl").compactMap { $0["router_balance"] as? Double }
      #expect(balance.count == 30)
      // m Σ f p is 1 at best, and below 1 only where the choices and the gates disagree.
      #expect(balance.last! < balance.first! && balance.last! > 0.9)
      let without = ["max_steps=30", "router_balance_loss=0", "router_z_loss=0"]
      #expect(try folder.trained(ranks: 1, as: "without", without) != alone)
    }
  }

  // MARK: New tasks

  /// What is trained changes, everything else keeps its bits; the new task is known afterwards.
  @Test(arguments: [("task", 6), ("router", 4), ("all", 6), ("task", 0), ("router", 6)])
  func aNewTaskTrainsItsPartAlone(part: String, adapter: Int) throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.adapters[adapter]
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["adapter"] = "{init_from: old, new_tasks: [say], train: \(part)}"
      folder.recipe["tasks"] = """
        [{name: say, format: jsonl, train: copy.jsonl, source: "{text}", target: "{answer}"}]
        """
      let alone = try folder.trained(ranks: 1, as: "new")
      #expect(try folder.trained(ranks: 2, as: "two") == alone)
      let old = try TensorFile(folder.file("old/adapter_model.safetensors")).tensors
      let new = try TensorFile(folder.file("new/adapter_model.safetensors")).tensors
      for (name, tensor) in old {
        let grown = new[name]!
        let isRouter = name.contains("router"), grows = grown.shape[0] > tensor.shape[0]
        let keepsOld = grown.values.prefix(tensor.values.count) == tensor.values[...]
        #expect(keepsOld == (part != "all"), "\(name)")
        if grows {
          // Drawn numbers of the new rows, or 1, or 0, have moved where the part trains.
          let rows = Array(grown.values.dropFirst(tensor.values.count))
          let isFresh = rows.allSatisfy { $0 == 0 } || rows.allSatisfy { $0 == 1 }
          #expect(isFresh == (part == "router" && !isRouter && name.contains("lora_B")), "\(name)")
        }
      }
      let json = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.file("new/adapter_config.json")))
      #expect((json as? [String: Any])?["task_names"] as? [String] == ["add", "copy", "say"])
      #expect((json as? [String: Any])?["n_tasks"] as? Int == 3)
    }
  }

  @Test func aRunWithNewTasksIsResumed() throws {
    try TrainFolder.with { folder in
      folder.recipe["adapter"] = Self.adapters[6]
      _ = try folder.trained(ranks: 1, as: "old")
      folder.recipe["adapter"] = "{init_from: old, n_tasks: 2, r: 2, new_tasks: [say], train: task}"
      folder.recipe["tasks"] = """
        [{name: say, format: jsonl, train: copy.jsonl, source: "{text}", target: "{answer}"}]
        """
      _ = try folder.trained(ranks: 1, as: "run", ["max_steps=3"])
      let resumed = try folder.train(ranks: 2, ["max_steps=6"], options: ["--resume"])
      #expect(resumed.exitCode == 0, "\(resumed.standardError)")
      #expect(try folder.weights(of: "run") == folder.trained(ranks: 1, as: "unbroken", ["max_steps=6"]))
    }
  }
}
