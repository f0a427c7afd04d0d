import Foundation
import Tensors
import Testing

@testable import Tasks

/// One line of a generated set, cut at the columns.
private struct Line: Decodable {
  let source: String
  let target: String

  var instruction: String { source.prefix(GeneratedTasks.instructionWidth).trimmingCharacters(in: .whitespaces) }
  var word: String {
    source.dropFirst(GeneratedTasks.instructionWidth).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

private func lines(_ name: String, _ split: DataSplit, first count: Int = .max) throws -> [Line] {
  let text = try GeneratedTasks.lines(name: name, split: split, limit: count)
  return try text.split(separator: "\n").prefix(count).map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
}

/// What an answer has to be, said in another way than the generator computes it.
private func isRight(_ answer: String, to operation: WordOperation, of word: String) -> Bool {
  let letters = Array(word)
  let answers = Array(answer)
  let middle = (letters.count + 1) / 2
  func occurrences(_ letter: Character) -> Int { word.split(separator: letter, omittingEmptySubsequences: false).count }
  return switch operation {
  case .copy: answer == word
  case .reverse:
    answers.count == letters.count && zip(answers.indices, letters).allSatisfy { answers[answers.count - 1 - $0] == $1 }
  case .upper: answer != word && answer.lowercased() == word
  case .sort:
    zip(answers, answers.dropFirst()).allSatisfy { $0 <= $1 }
      && letters.allSatisfy { letter in
        answers.count { $0 == letter } == letters.count { $0 == letter }
      } && answers.count == letters.count
  case .consonants: answer == word.replacing(/[aeiou]/, with: "")
  case .double: answer == word.map { "\($0)\($0)" }.joined()
  case .length: Int(answer) == word.unicodeScalars.count
  case .next:
    zip(answers, letters).allSatisfy {
      "abcdefghijklmnopqrstuvwxyza".contains("\($1)\($0)")
    } && answers.count == letters.count
  case .unique:
    Set(answers) == Set(letters) && Set(answers).count == answers.count
      && answers == answers.sorted { letters.firstIndex(of: $0)! < letters.firstIndex(of: $1)! }
  case .halves: answer == String(letters.suffix(letters.count - middle)) + String(letters.prefix(middle))
  case .common:
    answers.count == 1
      && letters.prefix { $0 != answers[0] }.allSatisfy {
        occurrences($0) < occurrences(answers[0])
      } && letters.allSatisfy { occurrences($0) <= occurrences(answers[0]) }
  case .dash: answer.replacingOccurrences(of: "-", with: "") == word && answer.wholeMatch(of: /[a-z](-[a-z])*/) != nil
  case .alternate: answers.enumerated().allSatisfy { letters[2 * $0] == $1 } && answers.count == middle
  case .rotate: "\(word)\(word)".dropFirst().prefix(word.count) == answer
  case .last: answers == [letters.last]
  }
}

@Test func generatedSetsStayTheSameForEver() throws {
  // Weights and published scores belong to these very examples.
  #expect(
    try lines("reverse", .test, first: 3).map { $0.source + $0.target } == [
      "spell backwards eyam   \nmaye", "spell backwards oeopse \nespoeo", "spell backwards uyxaws \nswaxyu",
    ])
  #expect(
    try lines("pretrain", .train, first: 3).map { $0.source + $0.target } == [
      "elkpa length    uez    \n3", "wo consonants   mme    \nmm", "upu mx halves   kkuou  \noukku",
    ])
  var hash: UInt64 = 0
  for name in GeneratedTasks.taskNames {
    for split in DataSplit.allCases {
      hash = hash &* 31 &+ FNV1a.hash(try GeneratedTasks.lines(name: name, split: split).utf8)
    }
  }
  #expect(hash == 3_978_689_069_723_914_344)
}

@Test(arguments: GeneratedTasks.taskNames)
func answersOfATaskAreRight(_ name: String) throws {
  let operation = try #require(WordOperation(rawValue: name))
  let instruction = try #require(GeneratedTasks.instructions.first { $0.operation == operation }?.text)
  for split in DataSplit.allCases {
    let lines = try lines(name, split)
    #expect(lines.count == GeneratedTasks.count(name: name, split: split))
    for line in lines {
      #expect(isRight(line.target, to: operation, of: line.word), "\(line.word): \(line.target)")
      #expect(line.instruction == instruction)
    }
    #expect(Set(lines.map(\.word)).count == lines.count, "a word comes twice")
  }
}

@Test func pretrainingNamesEveryOperationAndAnswersIt() throws {
  var seen: Set<WordOperation> = []
  for line in try lines(GeneratedTasks.pretraining, .test) {
    let named = line.instruction.split(separator: " ").compactMap { WordOperation(rawValue: String($0)) }
    let operation = try #require(named.first)
    #expect(named.count == 1)
    #expect(isRight(line.target, to: operation, of: line.word), "\(line.source)\(line.target)")
    seen.insert(operation)
  }
  #expect(seen == Set(WordOperation.allCases))
}

@Test func wordsAreSmallAndOfBothKinds() throws {
  for line in try lines("upper", .train) {
    #expect((3...GeneratedTasks.wordWidth).contains(line.word.count))
    #expect(line.source.count == GeneratedTasks.instructionWidth + GeneratedTasks.wordWidth + 1)
    #expect(line.word.contains(/[aeiou]/) && line.word.contains(/[^aeiou]/))
  }
}

@Test func noTestWordIsInAnyTrainingSet() throws {
  var tested: Set<String> = []
  var trained: Set<String> = []
  for name in GeneratedTasks.taskNames {
    tested.formUnion(try lines(name, .test).map(\.word))
    trained.formUnion(try lines(name, .train).map(\.word))
  }
  trained.formUnion(try lines(GeneratedTasks.pretraining, .train, first: 5000).map(\.word))
  #expect(tested.count > 1000 && trained.count > 10_000)
  #expect(tested.isDisjoint(with: trained))
}

@Test func instructionsOfTasksNameNoOperation() {
  let names = WordOperation.allCases.map(\.rawValue)
  for (_, text) in GeneratedTasks.instructions {
    #expect(!names.contains { text.contains($0) }, "\(text)")
    #expect(text.count <= GeneratedTasks.instructionWidth)
  }
  #expect(Set(GeneratedTasks.instructions.map(\.text)).count == GeneratedTasks.taskNames.count)
}

@Test func anUnknownGeneratedTaskIsNamedWithThoseThereAre() {
  #expect(
    errorText { _ = try GeneratedTasks.lines(name: "reversed", split: .train) }
      == "builtin:reversed is no built-in task; there are "
      + GeneratedTasks.names.joined(separator: ", ") + ".")
}

@Test func aTaskReadsAGeneratedSetByItsName() throws {
  let url = URL(string: "builtin:sort")
  let reader = TaskReader(TaskSpecification(name: "s", train: url, test: url, prompt: PromptOptions(.jsonLines)))
  let examples = try reader.read(.test)
  #expect(examples.map(\.source) == (try lines("sort", .test)).map(\.source))
  #expect(examples.map(\.references) == (try lines("sort", .test)).map { [$0.target] })
  #expect(try reader.read(.train).count == 800)
  #expect(try TextFile(reader.specification, split: .test).name == "builtin:sort")
}
