import Foundation
import Tasks

extension Recipe {
  /// The model and the tasks that come with the program, as measurements take them where nothing else is named:
  /// `builtin:tiny` with LoRA on all of its maps.
  ///
  /// - Parameter overrides: As of ``load(_:overrides:workingDirectory:)``.
  /// - Throws: ``RecipeError`` of the overrides.
  public static func builtIn(overrides: [String] = []) throws(RecipeError) -> Recipe {
    let tasks = GeneratedTasks.taskNames.map { "  - {name: \($0), format: jsonl, train: \"builtin:\($0)\"}" }
    let text = """
      model_name_or_path: builtin:tiny
      output_dir: runs/built-in
      adapter: {peft_type: LORA, r: 8, target_modules: [attn.c_attn, attn.c_proj, mlp.c_fc, mlp.c_proj]}
      tasks:
      \(tasks.joined(separator: "\n"))
      max_seq_length: 64
      max_target_length: 16
      train_batch_size: 64
      micro_batches: 8
      """
    let folder = URL(filePath: FileManager.default.currentDirectoryPath)
    return try parse(text, file: "the built-in recipe", folder: folder, overrides: overrides)
  }
}
