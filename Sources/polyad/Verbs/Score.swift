import Adapters
import ArgumentParser
import Backbones
import Foundation
import JSON
import Training

/// `polyad score`.
struct Score: RankedCommand {
  static let configuration = CommandConfiguration(
    abstract: "Computes the loss of given examples, and their logits.",
    discussion: """
      Prints a JSON line an example, in the input's order: {"loss_sum": summed cross-entropy in nats, of a number the \
      squared error, "label_count": labels in it}, and where the model classifies "prediction": the label, or the \
      class's or its own number. The ranks share the examples.
      """)

  @OptionGroup var modelOptions: ModelOptions
  @OptionGroup var inputOptions: InputOptions
  @Option(
    help: """
      Write the logits at every position as logits.0, logits.1, … of shape (positions, vocabulary), or (classes) where \
      the model classifies.
      """,
    completion: .file(extensions: ["safetensors"]))
  var logits: String?

  func run(on ranks: Ranks) throws -> Bool {
    if ranks.isMain { try OutputTarget.requireWritable(logits, option: "--logits") }
    let assembly = try modelOptions.load(on: ranks)
    let inputs = try inputOptions.read(for: assembly, promptsOnly: false)
    try assembly.model.requireHeads(for: inputs, file: URL(filePath: inputOptions.input).path)
    let scorer = Scorer(assembly.model, ranks: ranks)
    let scores = try scorer.losses(inputs)
    if let logits { try scorer.writeLogits(inputs, to: URL(filePath: logits)) }
    for (score, head) in zip(scores ?? [], inputs.heads) {
      var members: [JSONValue.Member] = [
        .init("loss_sum", .double(score.lossSum)), .init("label_count", .int(score.labelCount)),
      ]
      if let prediction = score.prediction {
        members.append(.init("prediction", self.prediction(prediction, head, assembly.model)))
      }
      try CommandOutput.result(.object(members))
    }
    try assembly.free()
    return false
  }

  /// A class by its name, if the adapter's head knows it; a number as it is.
  private func prediction(_ value: Double, _ head: HeadChoice, _ model: AdapterModel) -> JSONValue {
    guard model.head(head)?.outputCount ?? 1 > 1 else { return .double(value) }
    let labels = model.labels(of: head)
    return labels.isEmpty ? .int(Int(value)) : .string(labels[Int(value)])
  }
}
