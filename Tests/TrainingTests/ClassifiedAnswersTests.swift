import Adapters
import Backbones
import ModelTestSupport
import Tasks
import Testing

@testable import Training

/// Answers and losses of classification heads, and what a head must fit.
struct ClassifiedAnswersTests {
  private static var shape: EncoderConfiguration {
    var shape = EncoderConfiguration(.bert)
    (shape.vocabularySize, shape.placeCount, shape.width) = (13, 11, 8)
    (shape.layerCount, shape.headCount, shape.innerWidth) = (2, 2, 14)
    return shape
  }

  /// A model with heads for two classes and for a number; with `classCount` a head of its own as well.
  private func model(classCount: Int? = 3, hasTokenHead: Bool = false) throws -> AdapterModel {
    var shape = Self.shape, adapter = AdapterConfiguration(peftType: .lora)
    (shape.classCount, shape.hasTokenHead) = (classCount, hasTokenHead)
    adapter.taskHeads = [
      TaskHead(task: "rte", labelCount: 2, labels: ["no", "yes"]), TaskHead(task: "stsb", labelCount: 1),
    ]
    let model = try AdapterModel(adapter, backbone: TestModel.random(shape), seed: 1)
    model.scatterValues()
    return model
  }

  private func example(
    _ tokens: [Int32] = [3, 1, 4], label: Double? = 1, labels: [Int32] = [], references: [String] = [],
    route: Int? = nil
  ) -> TokenizedExample {
    TokenizedExample(
      id: "e7", inputIds: tokens[...], labels: labels[...], promptLength: tokens.count, label: label, route: route,
      references: references)
  }

  // MARK: Texts

  @Test func logitsMeanAClassOrANumber() {
    #expect(ClassifiedAnswers.text([0.5, 2, -1], labels: ["a", "b", "c"]) == "b")
    #expect(ClassifiedAnswers.text([0.5, 2, -1], labels: []) == "1")
    #expect(ClassifiedAnswers.text([-1.5], labels: []) == "-1.5")
    // Equal logits: the first, on any machine.
    #expect(ClassifiedAnswers.likeliest([1, 3, 3]) == 1 && ClassifiedAnswers.likeliest([2, 2]) == 0)
    #expect(ClassifiedAnswers.likeliest([-.infinity, -5]) == 1)
  }

  @Test func referencesAreTheTextsOrElseTheLabel() throws {
    let objective = Objective(try model())
    let named = ClassifiedAnswers(objective, labels: ["no", "yes"]), plain = ClassifiedAnswers(objective, labels: [])
    #expect(named.references(of: example(references: ["yes", "y"])) == ["yes", "y"])
    #expect(named.references(of: example(label: 0)) == ["no"] && plain.references(of: example(label: 0)) == ["0"])
    #expect(plain.references(of: example(label: -0.5)) == ["-0.5"])
    #expect(named.references(of: example(label: nil)) == [])
    #expect(named.lossMeasure(0.75) == NamedValue("loss", 0.75))
  }

  // MARK: Answers

  /// Answers of several heads in one batch, against the reference in double precision.
  @Test func eachQuestionIsAnsweredByItsHead() throws {
    let model = try model(), answers = ClassifiedAnswers(Objective(model), labels: [])
    var reference = ReferenceEncoder(Self.shape, [:])
    for parameter in model.backbone.parameters {
      reference.values[parameter.name] = parameter.matrix.array().map(Double.init)
    }
    model.addValues(to: &reference)
    reference.taskHeads = ["rte", "stsb"].map { "base_model.model.classifier." + $0 }
    reference.adapter = { call, values in
      guard let a = values["base_model.model.\(call.path).lora_A.weight"] else { return call.base(call.x) }
      let b = values["base_model.model.\(call.path).lora_B.weight"]!, rank = a.count / 8
      let z = (0..<rank).map { row in (0..<8).reduce(0) { $0 + a[row * 8 + $1] * call.x[$1] } }
      return call.base(call.x).enumerated().map { output, value in
        value + (0..<rank).reduce(0) { $0 + b[output * rank + $1] * z[$1] }
      }
    }
    let heads: [HeadChoice] = [.taskClassifier(0), .classifier, .taskClassifier(1), .taskClassifier(0)]
    let sequences: [[Int32]] = [[3, 1, 4], [1, 5], [9, 2, 6, 5], [3]]
    let found = answers.answers(
      to: zip(sequences, heads).map { TestQuestion(example: example($0), route: 0, head: $1) })
    for (place, (tokens, head)) in zip(sequences, heads).enumerated() {
      var sequence = TestSequence(tokens: tokens, labels: [])
      (sequence.label, sequence.head) = (1, head)
      let logits = reference.predictions(sequence)[0].logits
      if logits.count == 1 {
        #expect(abs(Double(found[place].text)! - logits[0]) < 1e-4)  // single precision through two blocks
      } else {
        #expect(found[place].text == String(logits.firstIndex(of: logits.max()!)!))
      }
      let loss = try #require(found[place].lossSum)
      #expect(abs(loss - reference.loss(of: sequence)) < 1e-4 * (1 + loss) && found[place].labelCount == 1)
    }
  }

  // MARK: What heads must fit

  private func text(_ body: () throws -> Void) -> String {
    do {
      try body()
      return ""
    } catch {
      return "\(error)"
    }
  }

  @Test func anExampleNeedsAHeadThatKnowsItsLabel() throws {
    let model = try model(classCount: nil)
    func check(_ example: TokenizedExample, _ head: HeadChoice, _ labelCount: Int = 0) -> String {
      let labels = ["no", "yes", "maybe"].prefix(labelCount)
      let task = TaskSpecification(name: "rte", prompt: PromptOptions(.jsonLines, labels: Array(labels)))
      return text { try model.requireHead(for: example, head, of: task) }
    }
    #expect(check(example(), .taskClassifier(0), 2) == "" && check(example(label: nil), .taskClassifier(0)) == "")
    #expect(check(example(label: -7.5), .taskClassifier(1)) == "")
    #expect(
      check(example(), .classifier, 2)
        == "task rte: the bert model has no classification head of its own and the task brings none; give the task "
        + "num_labels, its 2 labels make num_labels: 2")
    #expect(check(example(), .classifier).hasSuffix("give the task num_labels, such as num_labels: 2"))
    #expect(
      check(example(), .taskClassifier(0), 3)
        == "task rte: it has 3 labels, but the head it is classified by has 2 output(s); give the task num_labels: 3 "
        + "for a head of its own")
    for (label, written) in [(2.0, "2"), (-1, "-1"), (0.5, "0.5")] {
      #expect(
        check(example(label: label), .taskClassifier(0))
          == "Task rte, example e7: the label \(written) is no class from 0 to 1. Correct it, or give the task another "
          + "num_labels (1 for a number).")
    }
    #expect(
      check(example(labels: [-100, 4, -100]), .classifier)
        == "task rte: its lines have labels at single tokens, but the bert model's folder has no head for masked "
        + "tokens; give label for a class, or use a folder saved as a masked language model")
    let masked = try self.model(classCount: nil, hasTokenHead: true)
    try masked.requireHead(
      for: example(labels: [-100, 4, -100]), .classifier,
      of: TaskSpecification(name: "rte", prompt: PromptOptions(.pretokenized)))
  }

  @Test func aFilesLinesNeedAChoice() throws {
    let inputs = Scorer.Inputs([example()], routes: [0])
    #expect(inputs.heads == [.classifier])
    let model = try model(classCount: nil)
    #expect(
      text { try model.requireHeads(for: inputs, file: "lines.jsonl") }
        == "lines.jsonl: the bert model has no classification head of its own; the adapter has heads for rte, stsb: "
        + "choose one with --task, or as each line's task")
    try model.requireHeads(for: .init([example()], routes: [0], heads: [.taskClassifier(1)]), file: "")
    let bare = AdapterModel(bare: TestModel.random(Self.shape))
    #expect(
      text { try bare.requireHeads(for: inputs, file: "lines.jsonl") }
        == "lines.jsonl: the bert model has no classification head of its own; pass --adapter with an adapter that has "
        + "one")
    // A decoder's labels are tokens.
    try AdapterModel(bare: TestModel.random()).requireHeads(for: inputs, file: "")
  }

  // MARK: Routes

  @Test func tasksAndLinesChooseTheirHeads() throws {
    let tasks = ["sst2", "rte", "stsb"].map { TaskSpecification(name: $0, prompt: PromptOptions(.pretokenized)) }
    var adapter = AdapterConfiguration(peftType: .lora)
    adapter.taskHeads = [TaskHead(task: "stsb", labelCount: 1), TaskHead(task: "rte", labelCount: 2)]
    let expected: [HeadChoice] = [.classifier, .taskClassifier(1), .taskClassifier(0)]
    let plain = try TaskRoutes(tasks, adapter: adapter)
    #expect((0..<3).map { plain.head(of: example(), task: $0) } == expected)
    #expect(plain.head(of: example(route: 2), task: 0) == .taskClassifier(0))
    // A routed adapter's own order of tasks is another one than the recipe's.
    adapter.peftType = .cPoly
    (adapter.taskCount, adapter.taskNames) = (4, ["stsb", "cb", "sst2", "rte"])
    let routed = try TaskRoutes(tasks, adapter: adapter)
    #expect((0..<3).map { routed.head(of: example(), task: $0) } == expected)
    #expect((0..<3).map { routed.route(of: example(), task: $0) } == [2, 3, 0])
    #expect((0..<3).map { routed.account(of: example(), task: $0) } == [0, 1, 2] && routed.accountCount == 3)
    #expect((0..<4).map { routed.route(of: example(route: $0), task: 0) } == [0, 1, 2, 3])
    // The recipe has no task cb: the loss counts where the line was read.
    #expect((0..<4).map { routed.account(of: example(route: $0), task: 1) } == [2, 1, 0, 1])
    #expect(routed.head(of: example(route: 3), task: 0) == .taskClassifier(1))
    #expect(routed.head(of: example(route: 1), task: 1) == .classifier)
    #expect(try TaskRoutes(tasks, adapter: nil).head(of: example(), task: 1) == .classifier)
    #expect(TaskRoutes(taskCount: 3).head(of: example(route: 1), task: 1) == .classifier)
  }
}
