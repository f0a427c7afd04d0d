/// The modules that PEFT adapts in a family where a configuration names none.
struct FamilyTargets {
  /// LoRA and its kin.
  let lowRank: [String]
  /// (IA)³, and those of them whose input it scales.
  let ia3, feedforward: [String]
  /// PEFT's task_type.
  var taskType = "CAUSAL_LM"

  /// By Hugging Face's `model_type`, as PEFT 0.21's tables have them.
  static let peft: [String: FamilyTargets] = [
    "gpt2": .init(lowRank: ["c_attn"], ia3: ["c_attn", "mlp.c_proj"], feedforward: ["mlp.c_proj"]),
    "llama": decoder(ia3: "k_proj"), "mistral": decoder(ia3: "k_proj"), "qwen2": decoder(ia3: "q_proj"),
    "qwen3": decoder(ia3: "q_proj"), "gemma": decoder(ia3: "q_proj"), "gemma2": decoder(ia3: "q_proj"),
    "t5": .init(lowRank: ["q", "v"], ia3: ["k", "v", "wo"], feedforward: ["wo"], taskType: "SEQ_2_SEQ_LM"),
    "bert": encoder, "roberta": encoder,
  ]

  private static let encoder = FamilyTargets(
    lowRank: ["query", "value"], ia3: ["key", "value", "output.dense"], feedforward: ["output.dense"],
    taskType: "SEQ_CLS")

  private static func decoder(ia3 first: String) -> FamilyTargets {
    .init(lowRank: ["q_proj", "v_proj"], ia3: [first, "v_proj", "down_proj"], feedforward: ["down_proj"])
  }
}
