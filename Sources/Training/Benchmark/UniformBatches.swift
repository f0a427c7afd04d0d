import Adapters
import Backbones
import Tasks
import Tensors

/// Batches of sequences that are all alike, for measurements without texts.
struct UniformBatches {
  let tasks: [TokenizedTask]
  private let parts, sequences: Int

  init(_ backbone: any Backbone, parts: Int, sequences: Int, tokens: Int, labels: Int, taskCount: Int) {
    (self.parts, self.sequences) = (parts, sequences)
    let kind = backbone.architecture.sequenceKind, key = RandomKey(seed: 3).child("uniform batches")
    let examples = (0..<parts * sequences).map { place -> TokenizedExample in
      func ids(_ count: Int, _ stream: UInt64) -> [Int32] {
        let own = key.child(UInt64(place)).child(stream)
        return (0..<count).map { Int32(own.child(UInt64($0)).value % UInt64(backbone.vocabularySize)) }
      }
      let answer = kind == .classification ? 0 : min(labels, kind == .causal ? tokens - 1 : labels)
      var example = TokenizedExample(
        id: "\(place)", prompt: ids(kind == .causal ? tokens - answer : tokens, 0), answer: ids(answer, 1), kind: kind)
      if kind == .classification { example.label = Double(place % 2) }
      return example
    }
    tasks = (0..<taskCount).map { task in
      TokenizedTask(
        name: "task \(task)", split: .train, kind: kind,
        examples.enumerated().filter { $0.offset % taskCount == task }.map(\.element))
    }
  }

  /// The same sequences at every step, with random numbers of its own.
  func step(_ step: Int) -> StepPlan {
    StepPlan(
      step: step, epoch: 0,
      parts: (0..<parts).map { part in
        (0..<sequences).map { place in
          let all = part * sequences + place
          return ExampleReference(
            task: all % tasks.count, index: all / tasks.count, ordinal: step * parts * sequences + all)
        }
      })
  }
}

extension AdapterConfiguration {
  /// With a head for two classes where the model would be classified by one and has none.
  public func withHead(for backbone: any Backbone) -> AdapterConfiguration {
    var result = self
    if let backbone = backbone as? any ClassifyingBackbone, backbone.classifier == nil, peftType != .full {
      result.taskHeads = [TaskHead(task: "benchmark", labelCount: 2)]
    }
    return result
  }
}
