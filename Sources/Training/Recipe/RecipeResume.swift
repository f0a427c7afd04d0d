import Foundation
import Tensors
import Yams

extension Recipe {
  /// A setting that two recipes state differently.
  public struct Difference: Sendable, Equatable, CustomStringConvertible {
    /// The dotted key.
    public let key: String
    /// The first recipe's value; null where it has none.
    public let old: String
    /// The second recipe's value.
    public let new: String

    public var description: String { "`\(key)` was \(old) and is \(new)" }
  }

  /// Sixteen hexadecimal digits that are equal for recipes whose runs give the same result: a hash (FNV-1a, 64 bits) of
  /// every setting that a resumed run must share.
  public var fingerprint: String {
    let digits = String(FNV1a.hash(bindingSettings.map { "\($0.key)=\($0.value)\n" }.joined().utf8), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The settings that forbid to resume this recipe's run with `new`: empty if it may go on.
  ///
  /// Everything must agree but `output_dir`, `activation_checkpointing`, `weights_copy`, the cadence and extent of
  /// logging, checks, saving and evaluation, and, when the learning rate does not depend on it, the length of the run. Paths are compared by
  /// their last component, so that a run may be moved together with its data.
  public func differences(to new: Recipe) -> [Difference] {
    let old = Dictionary(uniqueKeysWithValues: bindingSettings)
    let now = Dictionary(uniqueKeysWithValues: new.bindingSettings)
    let keys = bindingSettings.map(\.key) + new.bindingSettings.map(\.key).filter { old[$0] == nil }
    return keys.compactMap { key in
      // A mapping that is null has no keys of its own: absent and null are the same.
      let difference = Difference(key: key, old: old[key] ?? "null", new: now[key] ?? "null")
      return difference.old == difference.new ? nil : difference
    }
  }

  private static let freeKeys: Set<String> = [
    "output_dir", "activation_checkpointing", "eval_steps", "eval_on_start", "eval_batch_size", "max_new_tokens",
    "save_steps", "save_total_limit", "check_steps", "logging_steps", "test", "metrics", "prediction",
    "length_normalize", "max_test_examples", "hang_timeout", "weights_copy",
  ]
  private static let pathKeys: Set<String> = ["model_name_or_path", "tokenizer_name_or_path", "init_from", "train"]

  /// Every setting, by dotted key, as `recipe.yaml` of the run folder has it.
  var settings: [(key: String, value: String)] {
    Self.leaves(of: node, under: "").map { ($0, RecipeYAML.line($1)) }
  }

  /// Every setting that changes what a run learns, by dotted key.
  private var bindingSettings: [(key: String, value: String)] {
    let isLengthFree = lrSchedulerType == .constant && (warmupSteps > 0 || warmupRatio == 0)
    return Self.leaves(of: node, under: "").compactMap { path, value in
      let key = path.split(separator: ".").last.map(String.init) ?? path
      if Self.freeKeys.contains(key) || isLengthFree && ["max_steps", "num_train_epochs"].contains(key) { return nil }
      let isPath = Self.pathKeys.contains(key) && value.scalar?.string.hasPrefix("/") == true
      return (path, isPath ? (value.scalar?.string as? NSString)?.lastPathComponent ?? "" : RecipeYAML.line(value))
    }
  }

  private static func leaves(of node: Node, under path: String) -> [(String, Node)] {
    func child(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
    if let mapping = node.mapping {
      return mapping.flatMap { leaves(of: $0.value, under: child($0.key.scalar?.string ?? "")) }
    }
    if let sequence = node.sequence, sequence.first?.mapping != nil {
      return sequence.enumerated().flatMap { leaves(of: $0.element, under: child(String($0.offset))) }
    }
    return [(path, node)]
  }
}
