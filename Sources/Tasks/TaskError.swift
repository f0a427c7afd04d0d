import Foundation

/// The faults a task's data can have. Places are `file:line`, lines counted from 1.
public enum TaskError: Error, Equatable, CustomStringConvertible {
  case noFile(task: String, split: DataSplit)
  case unreadableFile(file: String, reason: String)
  case unknownGeneratedTask(name: String, known: [String])
  case badJSON(file: String, line: Int?, reason: String)
  case badTemplate(template: String, reason: String)
  case unknownField(file: String, line: Int, field: String, available: [String])
  case fieldIsNotText(file: String, line: Int, field: String)
  case badTable(file: String, line: Int, reason: String)
  case noReference(file: String, line: Int)
  case labelOutsideSet(file: String, line: Int, label: String, allowed: [String])
  case noExamples(task: String, file: String)
  case noLabelsLeft(task: String, file: String, dropped: Int)
  case allSkipped(task: String, file: String, count: Int)
  case emptyPart(task: String, file: String, part: Int, count: Int)
  case incompleteLine(file: String, line: Int)
  case noPrompt(file: String, line: Int)
  case noTarget(file: String, line: Int)
  case unequalLengths(file: String, line: Int, inputs: Int, labels: Int)
  case tokenOutOfRange(file: String, line: Int, token: Int, vocabularySize: Int?)
  case tokenBeyondModel(task: String, token: Int32, vocabularySize: Int)
  case unknownTask(file: String, line: Int, task: String, known: [String])
  case noTokenizer(task: String)
  case unclearSpecialTokens
  case noEndOfText
  case badLimit(key: String, value: Int)
  case labelIsNotANumber(task: String, label: String)
  case labelTooLong(task: String, label: String, tokens: Int, room: Int)
  case labelsAlike(task: String, label: String, other: String)
  case labelBeyondHead(task: String, example: String, label: Double, classCount: Int)
  case pairForOneText(task: String)
  case unequalTypes(file: String, line: Int, inputs: Int, types: Int)
  case tokenTypeBeyondModel(place: String, type: Int, typeCount: Int)

  public var description: String {
    switch self {
    case .noFile(let task, let split):
      "Task \(task) has no \(split.rawValue) file. Give it one under \(split.rawValue)."
    case .unknownGeneratedTask(let name, let known):
      "builtin:\(name) is no built-in task; there are \(known.joined(separator: ", "))."
    case .unreadableFile(let file, let reason): "\(file) cannot be read: \(reason). Check the path and its permissions."
    case .badJSON(let file, let line, let reason):
      "\(Self.place(file, line)) is not the JSON expected here: \(reason). Correct or remove it."
    case .badTemplate(let template, let reason):
      "The template \"\(template)\" is wrong: \(reason). Write {field} for a field and {{ or }} for a brace."
    case .unknownField(let file, let line, let field, let available):
      "\(Self.place(file, line)) has no field \(field); it has \(Self.list(available)). "
        + "Correct the template or the line."
    case .fieldIsNotText(let file, let line, let field):
      "\(Self.place(file, line)): field \(field) is not a text, number or truth value. "
        + "Name another field in the template."
    case .badTable(let file, let line, let reason):
      "\(Self.place(file, line)) is not a proper row: \(reason). Check its quotes and the delimiter."
    case .noReference(let file, let line): "\(Self.place(file, line)) has no output. Give every example at least one."
    case .labelOutsideSet(let file, let line, let label, let allowed):
      "\(Self.place(file, line)) has the label \"\(label)\", which is not among \(Self.list(allowed)). "
        + "Correct the line or the task's labels."
    case .noExamples(let task, let file): "Task \(task) has no example: \(file) is empty. Give it a file with examples."
    case .noLabelsLeft(let task, let file, let dropped):
      "Task \(task) has nothing to train on: all \(dropped) examples of \(file) are without a label after cutting. "
        + "Raise max_seq_length, or check the labels."
    case .allSkipped(let task, let file, let count):
      "Task \(task) has nothing left of \(file): \(count) examples have a label of skip_labels. Correct skip_labels."
    case .emptyPart(let task, let file, let part, let count):
      "Task \(task) has nothing left of \(file): part \(part) of its split has none of \(count) example(s). "
        + "Give it more examples or another split."
    case .noPrompt(let file, let line): "\(Self.place(file, line)) needs input_ids or source."
    case .noTarget(let file, let line):
      "\(Self.place(file, line)) has a label, but the model answers in text. Give the answer as target."
    case .incompleteLine(let file, let line):
      "\(Self.place(file, line)) needs input_ids with labels or label, or source with target or label."
    case .unequalLengths(let file, let line, let inputs, let labels):
      "\(Self.place(file, line)) has \(inputs) input_ids and \(labels) labels. There must be one label a token; "
        + "-100 marks a token without."
    case .tokenOutOfRange(let file, let line, let token, let vocabularySize):
      "\(Self.place(file, line)) has the token id \(token), which is not "
        + (vocabularySize.map { "from 0 to \($0 - 1). " } ?? "a 32-bit number from 0 on. ")
        + "Tokenise the data with the model's own tokenizer."
    case .tokenBeyondModel(let task, let token, let vocabularySize):
      "The tokenizer gives a text of \(task) the token id \(token), but the model has ids from 0 to "
        + "\(vocabularySize - 1). Set tokenizer_name_or_path to the model's own tokenizer."
    case .unknownTask(let file, let line, let task, let known):
      "\(Self.place(file, line)) names the task \(task); the tasks are \(Self.list(known)). Correct the line."
    case .noTokenizer(let task):
      "\(task) holds text, but there is no tokenizer. Put a tokenizer.json into the model folder or tokenise the data."
    case .unclearSpecialTokens:
      "The tokenizer's special tokens do not stand before and behind the text. Choose a tokenizer.json whose "
        + "post-processor is a template around the text."
    case .noEndOfText: "The tokenizer has no end-of-text token, so answers cannot end. Choose a tokenizer that has one."
    case .badLimit(let key, let value): "\(key) is \(value). Give a number above 0."
    case .labelIsNotANumber(let task, let label):
      "Task \(task) has no labels listed, and its label \"\(label)\" is not a number. List the labels in class order."
    case .labelTooLong(let task, let label, let tokens, let room):
      "Task \(task) ranks its labels, but \"\(label)\" has \(tokens) tokens with its end and an answer at most "
        + "\(room). Raise max_target_length, which counts up to half of max_seq_length where both share it."
    case .labelsAlike(let task, let label, let other):
      "Task \(task) ranks its labels, but \"\(label)\" and \"\(other)\" are the same tokens. "
        + "Change one, here and in the data."
    case .labelBeyondHead(let task, let example, let label, let classCount):
      "Task \(task), example \(example): the label \(label.formatted()) is no class from 0 to \(classCount - 1). "
        + "Correct it, or give the task another num_labels (1 for a number)."
    case .pairForOneText(let task):
      "Task \(task) has a second text, but only encoder models read pairs of texts. Write both into source."
    case .unequalTypes(let file, let line, let inputs, let types):
      "\(Self.place(file, line)) has \(inputs) input_ids and \(types) token_type_ids. There must be one type a token."
    case .tokenTypeBeyondModel(let place, let type, let typeCount):
      "\(place) has the token type \(type), but the model knows \(typeCount) type(s) from 0. Use the model's own "
        + "tokenizer or correct token_type_ids."
    }
  }

  private static func place(_ file: String, _ line: Int?) -> String { line.map { "\(file):\($0)" } ?? file }

  private static func list(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.sorted().prefix(20).joined(separator: ", ") + (names.count > 20 ? ", …" : "")
  }
}
