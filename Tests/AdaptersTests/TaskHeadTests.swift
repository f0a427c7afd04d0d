import Adapters
import Backbones
import Checkpoints
import Foundation
import ModelTestSupport
import Tensors
import TestSupport
import Testing
import Training

/// Classification heads that an adapter brings for its tasks.
struct TaskHeadTests {
  typealias Kind = EncoderConfiguration.Kind

  // MARK: Fresh heads

  @Test(arguments: EncoderTestModel.kinds) func aHeadHasTheShapesOfTheModelsOwn(kind: Kind) throws {
    let model = try EncoderTestModel.model(kind)
    let entries = model.parameters.entries.filter { $0.name.contains(".classifier.") }
    #expect(entries.map(\.name) == EncoderTestModel.heads.flatMap { EncoderTestModel.headNames(kind, $0.task) })
    let own = kind == .bert ? [] : [[8, 8], [8]]
    #expect(entries.map(\.shape) == [2, 3, 1].flatMap { own + [[$0, 8], [$0]] })
    #expect(model.taskHeads.map(\.outputCount) == [2, 3, 1])
    #expect(model.taskHeads.map(\.isRegression) == [false, false, true])
    let rows = model.matches.filter { $0.pattern.hasSuffix("(whole)") }
    #expect(rows.map(\.modules) == [["classifier.rte"], ["classifier.cb"], ["classifier.stsb"]])
    #expect(rows.map(\.parameterCount) == [2, 3, 1].map { 9 * $0 + (kind == .bert ? 0 : 72) })
    #expect(model.matches.reduce(0) { $0 + $1.parameterCount } == model.parameters.count)
  }

  /// So the same task starts with the same numbers, whatever others there are.
  @Test(arguments: EncoderTestModel.kinds) func initialNumbersDependOnSeedAndNameAlone(kind: Kind) throws {
    let heads = EncoderTestModel.heads
    let first = try EncoderTestModel.model(kind), other = try EncoderTestModel.model(kind, seed: 4)
    let turned = try EncoderTestModel.model(kind, heads.reversed())
    let alone = try EncoderTestModel.model(kind, [heads[1]])
    for entry in first.parameters.entries {
      #expect(turned.numbers(entry.name) == first.numbers(entry.name), "\(entry.name)")
    }
    for name in EncoderTestModel.headNames(kind, "cb") { #expect(alone.numbers(name) == first.numbers(name)) }
    let weight = EncoderTestModel.headNames(kind, "cb")[0]
    #expect(other.numbers(weight) != first.numbers(weight))
    #expect(first.numbers(EncoderTestModel.headNames(kind, "rte")[0]).prefix(8) != first.numbers(weight).prefix(8))
    for task in ["rte", "cb", "stsb"] {
      for name in EncoderTestModel.headNames(kind, task).filter({ $0.hasSuffix("bias") }) {
        #expect(first.numbers(name).allSatisfy { $0 == 0 })
      }
    }
  }

  @Test func weightsStartAsHuggingFaces() throws {
    var shape = EncoderTestModel.shape(.roberta)
    shape.width = 64
    var configuration = lora(["query"])
    configuration.taskHeads = EncoderTestModel.heads
    let model = try AdapterModel(configuration, backbone: TestModel.random(shape), seed: 1)
    let numbers = model.numbers("base_model.model.classifier.cb.dense.weight")
    let deviation = (numbers.reduce(0) { $0 + Double($1) * Double($1) } / Double(numbers.count)).squareRoot()
    #expect(abs(deviation - 0.02) < 4 * 0.02 / (2 * Double(numbers.count)).squareRoot())  // four standard errors
  }

  // MARK: Gradients

  /// Whatever else is in the batch, a head has the gradient of its own task's sequences alone.
  @Test(arguments: EncoderTestModel.kinds) func onlyTheHeadsOfABatchHaveGradients(kind: Kind) throws {
    let model = try EncoderTestModel.model(kind)
    model.scatterValues()
    let sequences = EncoderTestModel.sequences
    model.differentiate(Array(sequences[..<3]))
    for task in ["rte", "cb", "stsb"] {
      for name in EncoderTestModel.headNames(kind, task) {
        #expect(model.parameters.gradient(name).contains { $0 != 0 } == (task == "rte"), "\(name)")
      }
    }
  }

  @Test(arguments: EncoderTestModel.kinds) func eachHeadClassifiesAsItDoesAlone(kind: Kind) throws {
    let model = try EncoderTestModel.model(kind), objective = Objective(model)
    model.scatterValues()
    let sequences = EncoderTestModel.sequences.filter { $0.labels.isEmpty }
    let together = objective.classify(PackedBatch(sequences, for: .encoderOnly))
    #expect(together.map(\.logits.count) == [2, 3, 3, 1])
    let losses = objective.losses(of: PackedBatch(sequences, for: .encoderOnly))
    for (place, sequence) in sequences.enumerated() {
      let alone = PackedBatch([sequence], for: .encoderOnly)
      // Products of other heights round differently.
      #expect(relativeDistance(together[place].logits, objective.withLogits(of: alone) { $0.array() }) < 1e-5)
      #expect(abs(together[place].loss - objective.losses(of: alone)[0]) < 1e-5 * (1 + together[place].loss))
      #expect(together[place].loss == losses[place])
    }
  }

  // MARK: Training a part

  @Test func headsOfNewTasksTrainWithWhateverElseDoes() throws {
    func trained(_ part: TrainedPart, _ heads: [String]) throws -> [String] {
      let model = try EncoderTestModel.model()
      model.scatterValues()
      let before = model.numbers()
      try model.restrictTraining(to: part, newTasks: 2..<4, heads: heads)
      model.differentiate(EncoderTestModel.sequences)
      AdamW(model.parameters, options: AdamW.Options()).update(learningRate: 0.1, gradientScale: 1)
      return model.parameters.entries.filter { Array(before[$0.range]) != model.numbers($0.name) }.map(\.name)
    }
    func heads(_ tasks: [String]) -> Set<String> { Set(tasks.flatMap { EncoderTestModel.headNames(.bert, $0) }) }
    for (part, tasks) in [(TrainedPart.router, ["cb"]), (.task, ["rte", "stsb"]), (.router, [])] {
      let found = try trained(part, tasks)
      #expect(Set(found.filter { $0.contains(".classifier.") }) == heads(tasks))
      #expect(found.contains { $0.contains("router") })
      #expect(found.contains { $0.contains("lora_") } == (part == .task))
    }
    #expect(try Set(trained(.all, [])).isSuperset(of: heads(["rte", "cb", "stsb"])))
  }

  // MARK: Errors

  @Test func aTaskKeepsTheHeadItHas() throws {
    let configuration = try adapter(.cPoly).adding(heads: [EncoderTestModel.heads[0]])
    let again = try configuration.adding(heads: EncoderTestModel.heads)
    #expect(again.taskHeads == EncoderTestModel.heads)
    #expect(try again.adding(heads: [TaskHead(task: "rte", labelCount: 2)]).taskHeads == EncoderTestModel.heads)
    #expect(
      errorText { _ = try again.adding(heads: [TaskHead(task: "rte", labelCount: 3)]) }
        == "task rte: num_labels is 3, but the head for it has 2 output(s); correct num_labels, or take an adapter that "
        + "was trained with it")
  }

  @Test func aWholeModelHasOneHead() {
    #expect(
      errorText { _ = try EncoderTestModel.model(.bert, EncoderTestModel.heads, .full) }
        == "task rte: peft_type FULL writes a Hugging Face model, which has one classification head; remove "
        + "num_labels, or use an adapter")
  }

  @Test func aHeadNeedsWhatItReads() throws {
    var shape = EncoderTestModel.shape(.bert)
    (shape.classCount, shape.hasPooler) = (nil, false)
    var configuration = lora(["query"])
    configuration.taskHeads = EncoderTestModel.heads
    #expect(
      errorText { _ = try AdapterModel(configuration, backbone: TestModel.random(shape), seed: 1) }
        == "task rte: the model's folder has no pooler.dense, which a BERT classification head reads; use a folder "
        + "saved with its pooler")
    shape.hasPooler = true
    #expect(try AdapterModel(configuration, backbone: TestModel.random(shape), seed: 1).taskHeads.count == 3)
    configuration.targetModules = .endings(["c_attn"])
    #expect(
      errorText { _ = try AdapterModel(configuration, backbone: TestModel.random(), seed: 1) }
        == "task rte: num_labels asks for a classification head, which gpt2 models do not get here; remove it, and the "
        + "labels are generated or ranked as text")
  }

  // MARK: Choice

  @Test func tasksChooseTheirHeads() throws {
    let configuration = EncoderTestModel.withHeads(lora(["query"]))
    #expect(configuration.headChoice(of: "cb") == .taskClassifier(1))
    #expect(configuration.headChoice(of: "sst2") == .classifier && configuration.head(of: "sst2") == nil)
    #expect(configuration.lineTasks == ["rte", "cb", "stsb"])
    var routed = EncoderTestModel.withHeads(adapter(.cPoly))
    (routed.taskCount, routed.taskNames) = (2, ["sst2", "cb"])
    #expect(routed.lineTasks == ["sst2", "cb"])
    let model = try EncoderTestModel.model()
    #expect(model.labels(of: model.headChoice(of: "rte")) == ["no", "yes"])
    #expect(model.labels(of: model.headChoice(of: "cb")).isEmpty && model.headChoice(of: nil) == .classifier)
    #expect((model.head(.taskClassifier(1)) as? ClassificationHead) === model.taskHeads[1])
    #expect(model.head(.classifier)?.outputCount == 3 && model.head(.tokens)?.outputCount == 13)
    #expect(AdapterModel(bare: TestModel.random()).head(.classifier) == nil)
  }
}
