import Foundation
import TestSupport
import Testing

@testable import Tasks

/// The text of the error `body` throws; empty if it throws none.
func errorText(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return ""
}

/// Writes `text` to a file in a fresh folder and hands its place to `body`.
func withFile<Result>(_ name: String, _ text: String, _ body: (URL) throws -> Result) throws -> Result {
  try withTemporaryFolder { folder in
    let url = folder.appending(path: name)
    try Data(text.utf8).write(to: url)
    return try body(url)
  }
}

private typealias Change = (inout TaskSpecification) -> Void

private func read(_ name: String, _ text: String, _ change: Change = { _ in }) throws -> [Example] {
  try withFile(name, text) { url in
    let format: TaskFormat =
      name.hasSuffix(".json") ? .superNaturalInstructions : name.hasSuffix("jsonl") ? .jsonLines : .csv
    var task = TaskSpecification(
      name: "t", train: url, prompt: PromptOptions(format, source: "{text}?", target: "{label}"))
    change(&task)
    return try TaskReader(task).read(.train)
  }
}

/// The text of the error of reading `text`, with the file's folder taken out.
private func readError(_ name: String, _ text: String, _ change: Change = { _ in }) -> String {
  var folder = ""
  let message = errorText {
    _ = try read(name, text) {
      folder = $0.train?.deletingLastPathComponent().path ?? ""
      change(&$0)
    }
  }
  return message.replacingOccurrences(of: folder + "/", with: "")
}

@Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
func instructionPromptsAreThoseOfTkInstruct() throws {
  struct PromptCase: Decodable {
    let task: String
    let instance_id: String
    let positive_examples: Int
    let negative_examples: Int
    let explanations: Bool
    let source: String
    let references: [String]
  }
  let cases = try JSONDecoder().decode(
    [PromptCase].self, from: Data(contentsOf: Fixtures.url("prompts/cases.json")))
  let folder = SharedFolder.url.appending(path: "data/super-natural-instructions/test")
  var checked = 0
  for item in cases {
    let file = folder.appending(path: "\(item.task).json")
    // Some cases are of tasks whose files are not among the data here.
    guard FileManager.default.fileExists(atPath: file.path) else { continue }
    var prompt = PromptOptions(.superNaturalInstructions)
    (prompt.positiveExamples, prompt.negativeExamples) = (item.positive_examples, item.negative_examples)
    prompt.explanations = item.explanations
    let task = TaskSpecification(name: item.task, test: file, prompt: prompt)
    let example = try #require(try TaskReader(task).read(.test).first { $0.id == item.instance_id })
    #expect(Array(example.source.utf8) == Array(item.source.utf8))
    #expect(example.references == item.references)
    #expect(example.target == item.references[0])
    checked += 1
  }
  #expect(checked > 0)
}

private let instructions = """
  {"Definition": [" Say the colour. "],
  "Positive Examples": [{"input": "sky", "output": "blue", "explanation": "Look up"},
  {"input": "grass ?", "output": ["green"], "explanation": "Look down!"}],
  "Negative Examples": [{"input": "sea", "output": "red"}],
  "Instances": [{"id": "a", "input": "\\u00a0snow\\n", "output": ["white", "White"]},
  {"id": "b", "input": "", "output": "none"}]}
  """

@Test func instructionPromptsHoldTheirPartsInOrder() throws {
  let examples = try read("t.json", instructions) {
    $0.prompt.explanations = true
    $0.prompt.negativeExamples = 1
  }
  #expect(
    examples[0].source == """
      Definition: Say the colour.

       Positive Example 1 -
      Input: sky.
       Output: blue.
       Explanation: Look up.

       Positive Example 2 -
      Input: grass ?
       Output: green.
       Explanation: Look down!

       Negative Example 1 -
      Input: sea.
       Output: red.

      Now complete the following example -
      Input: snow.
      Output:\(" ")
      """)
  #expect(examples[0].references == ["white", "White"])
  #expect(examples[1].target == "none")
  #expect(examples[1].source.hasSuffix("Input: .\nOutput: "))
}

@Test func capsLimitWhatIsRead() throws {
  #expect(try read("t.json", instructions) { $0.prompt.maxTrainExamples = 1 }.map(\.id) == ["a"])
  let lines = (1...5).map { "{\"text\": \"t\($0)\", \"label\": \"x\"}\n" }.joined()
  #expect(try read("t.jsonl", lines) { $0.prompt.maxTrainExamples = 2 }.count == 2)
  #expect(try read("t.csv", "text,label\na,x\nb,y\nc,z\n") { $0.prompt.maxTrainExamples = 2 }.count == 2)
}

@Test func jsonLinesFillTemplates() throws {
  let lines = "{\"id\": 7, \"text\": \"Is 2 > 1\", \"label\": true}\r\n\n{\"text\": 3.5, \"label\": [\"a\", \"b\"]}"
  let examples = try read("t.jsonl", lines) { $0.prompt.source = "{{q}} {text}" }
  #expect(examples[0] == Example(id: "7", source: "{q} Is 2 > 1", references: ["true"]))
  #expect(examples[1] == Example(id: "3", source: "{q} 3.5", references: ["a", "b"]))
}

@Test func tablesKeepQuotedCellsAndLineNumbers() throws {
  let table = "text,label\n\"a, \"\"b\"\"\nsecond\",x\n\nlast,\n"
  let examples = try read("t.csv", table)
  #expect(examples[0] == Example(id: "2", source: "a, \"b\"\nsecond?", references: ["x"]))
  #expect(examples[1] == Example(id: "5", source: "last?", references: [""]))
  #expect(try read("t.tsv", "text\tlabel\na,b\tx").map(\.source) == ["a,b?"])
  #expect(try read("t.csv", "text|label\na|x") { $0.prompt.delimiter = "|" }.map(\.target) == ["x"])
}

@Test func badLinesAreNamed() {
  #expect(
    readError("t.jsonl", "{\"text\": \"a\", \"label\": \"x\"}\n{\"text\": \n")
      .hasPrefix("t.jsonl:2 is not the JSON expected"))
  #expect(
    readError("t.jsonl", "[1]").hasPrefix("t.jsonl:1 is not the JSON expected"))
  #expect(
    readError("t.jsonl", "{\"label\": \"x\", \"txt\": \"a\"}")
      == "t.jsonl:1 has no field text; it has label, txt. Correct the template or the line.")
  #expect(
    readError("t.jsonl", "{\"label\": \"x\", \"text\": {}}")
      == "t.jsonl:1: field text is not a text, number or truth value. Name another field in the template.")
  #expect(
    readError("t.jsonl", "{\"label\": [], \"text\": \"\"}")
      == "t.jsonl:1 has no output. Give every example at least one.")
  #expect(
    readError("t.jsonl", "{\"label\": \"x\", \"text\": \"\"}") { $0.prompt.labels = ["y", "z"] }
      == "t.jsonl:1 has the label \"x\", which is not among y, z. Correct the line or the task's labels.")
  #expect(
    readError("t.csv", "text,label\na,b\nc\n")
      == "t.csv:3 is not a proper row: it has 1 cells, the header 2. Check its quotes and the delimiter.")
  #expect(
    readError("t.csv", "text,label\na,b\nc,\"d\nmore,x\n")
      == "t.csv:3 is not a proper row: a quote is never closed. Check its quotes and the delimiter.")
  #expect(
    readError("t.csv", "text,label\na,b\n5\" pipe,d\n")
      == "t.csv:3 is not a proper row: Can't have non-quote here:  . Check its quotes and the delimiter.")
}

@Test func badInstructionFilesAreNamed() {
  #expect(readError("t.json", "{\"Definition\": \"d\"").hasPrefix("t.json is not the JSON expected here: "))
  #expect(
    readError("t.json", "{\"Definition\": \"d\"}")
      == "t.json is not the JSON expected here: it lacks \"Positive Examples\". Correct or remove it.")
  let text = instructions.replacingOccurrences(of: "[\"white\", \"White\"]", with: "[]")
  #expect(
    readError("t.json", text)
      == "t.json is not the JSON expected here: Instances [0] output is empty. Correct or remove it.")
}

@Test func emptyAndMissingFilesAreNamed() throws {
  for name in ["t.jsonl", "t.csv"] {
    #expect(readError(name, "") == "Task t has no example: \(name) is empty. Give it a file with examples.")
  }
  #expect(
    readError("t.csv", "text,label\n") == "Task t has no example: t.csv is empty. Give it a file with examples.")
  let nowhere = TaskSpecification(
    name: "t", train: URL(filePath: "/nowhere/t.jsonl"), prompt: PromptOptions(.jsonLines))
  #expect(
    errorText { _ = try TaskReader(nowhere).read(.train) }
      == "/nowhere/t.jsonl cannot be read: there is no such file. Check the path and its permissions.")
  #expect(errorText { _ = try TaskReader(nowhere).read(.test) } == "Task t has no test file. Give it one under test.")
}

@Test func badTemplatesSayWhatIsWrong() {
  let remedy = " Write {field} for a field and {{ or }} for a brace."
  #expect(errorText { _ = try Template("a {b") } == "The template \"a {b\" is wrong: a { is never closed." + remedy)
  #expect(errorText { _ = try Template("a }") } == "The template \"a }\" is wrong: a } closes nothing." + remedy)
  #expect(errorText { _ = try Template("a {}") } == "The template \"a {}\" is wrong: \"{}\" names no field." + remedy)
}
