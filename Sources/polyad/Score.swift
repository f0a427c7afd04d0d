import ArgumentParser
import Foundation
import Training

/// `polyad score`.
struct Score: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Computes the loss of given examples, and their logits.",
    discussion: """
      Prints a JSON line an example, in the input's order: {"loss_sum": summed cross-entropy in nats, "label_count": \
      labels in it}. The ranks share the examples.
      """)

  @OptionGroup var modelOptions: ModelOptions
  @OptionGroup var inputOptions: InputOptions
  @Option(
    help: "Write the logits at every position as logits.0, logits.1, … of shape (positions, vocabulary).",
    completion: .file(extensions: ["safetensors"]))
  var logits: String?

  func run(on ranks: Ranks) throws -> Bool {
    if ranks.isMain { try OutputTarget.requireWritable(logits, option: "--logits") }
    let assembly = try modelOptions.load(on: ranks)
    let (examples, tasks) = try inputOptions.read(for: assembly, promptsOnly: false)
    let scorer = Scorer(assembly.model, ranks: ranks)
    let scores = try scorer.losses(examples, tasks: tasks)
    if let logits { try scorer.writeLogits(examples, tasks: tasks, to: URL(filePath: logits)) }
    for score in scores ?? [] {
      try CommandOutput.result(["loss_sum": .double(score.lossSum), "label_count": .int(score.labelCount)])
    }
    try assembly.free()
    return false
  }
}
