import JSON
import Tensors

/// Small text tasks made by rule rather than read from files, for a model of a million parameters.
///
/// A prompt is laid out in columns, so that a letter's position alone tells what it is: what to do in
/// ``instructionWidth`` characters, a word of lower-case letters in ``wordWidth``, both filled up with spaces, and a
/// line feed. The answer is a ``WordOperation`` of the word. The set ``pretraining`` names the operations plainly among
/// meaningless letters, so that a model learns to do them when told; the tasks themselves describe them in other words,
/// which that model has never seen and an adapter has to teach it.
///
/// An example is a pure function of the set's name, the split and its index. No word of a test set occurs in any
/// training set, pre-training included.
public enum GeneratedTasks {
  /// The columns of the instruction.
  public static let instructionWidth = 16
  /// The columns of the word, which has 3 letters at least.
  public static let wordWidth = 7
  /// The set a model is trained on from scratch.
  public static let pretraining = "pretrain"
  /// The tasks, in the order of recipes and tables.
  public static let taskNames = instructions.map(\.operation.rawValue)
  /// Every set there is.
  public static let names = [pretraining] + taskNames

  /// The tasks' operations and the words that ask for them, none of which is an operation's name.
  static let instructions: [(operation: WordOperation, text: String)] = [
    (.reverse, "spell backwards"), (.upper, "in capitals"), (.sort, "from a to z"), (.consonants, "without aeiou"),
    (.double, "each key twice"), (.length, "how many"), (.next, "one further on"), (.unique, "no repeats"),
    (.halves, "swap both parts"), (.common, "most frequent"), (.dash, "hyphens between"),
    (.alternate, "skip every 2nd"), (.rotate, "front to back"), (.last, "final letter"),
  ]

  /// How many examples a set has.
  public static func count(name: String, split: DataSplit) -> Int {
    switch split {
    case .train: name == pretraining ? 200_000 : 800
    case .test: name == pretraining ? 500 : 100
    }
  }

  /// A set as lines of JSON with the keys `source` and `target`, which is what a `jsonl` task reads.
  ///
  /// - Throws: ``TaskError/unknownGeneratedTask(name:known:)`` if there is no set of that name.
  public static func lines(name: String, split: DataSplit) throws(TaskError) -> String {
    try lines(name: name, split: split, limit: .max)
  }

  /// The first `limit` lines of a set.
  static func lines(name: String, split: DataSplit, limit: Int) throws(TaskError) -> String {
    guard names.contains(name) else { throw .unknownGeneratedTask(name: name, known: names) }
    let generator = CounterGenerator(seed: seed(name, split))
    let instruction = instructions.first { $0.operation.rawValue == name }
    var words: Set<String> = []
    var lines = ""
    for index in 0..<min(limit, count(name: name, split: split)) {
      var draws = ExampleDraws(generator: generator, index: index)
      var word = draws.word(for: split)
      // The words of a task differ from each other, so that a set has as many examples as it has lines.
      while instruction != nil, !words.insert(word).inserted { word = draws.word(for: split) }
      let (operation, text) = instruction ?? draws.plainInstruction()
      let line: JSONValue = ["source": .string(source(text, word)), "target": .string(operation(word))]
      lines += line.text + "\n"
    }
    return lines
  }

  /// The prompt that asks for something to be done with `word`.
  static func source(_ instruction: String, _ word: String) -> String {
    func column(_ text: String, _ width: Int) -> String {
      precondition(text.count <= width, "\"\(text)\" is wider than \(width) columns")
      return text + String(repeating: " ", count: width - text.count)
    }
    return column(instruction, instructionWidth) + column(word, wordWidth) + "\n"
  }

  /// A set's own random numbers: FNV-1a of its name and split.
  private static func seed(_ name: String, _ split: DataSplit) -> UInt64 {
    FNV1a.hash("\(name)/\(split.rawValue)".utf8)
  }
}
