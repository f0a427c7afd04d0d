import Tensors

/// The random choices of one generated example, each a function of the set's seed, the example's index and its place.
struct ExampleDraws {
  private let generator: CounterGenerator
  private let index: Int
  private var drawn: UInt32 = 0

  init(generator: CounterGenerator, index: Int) {
    self.generator = generator
    self.index = index
  }

  /// A number from 0 to `bound` - 1, all equally likely up to `bound` / 2³².
  mutating func number(below bound: Int) -> Int {
    defer { drawn += 1 }
    let random = generator.words(SIMD4(UInt32(truncatingIfNeeded: index), drawn, 0, 0))[0]
    return Int((UInt64(random) * UInt64(bound)) >> 32)
  }

  /// True `percent` times of 100.
  mutating func chance(percent: Int) -> Bool { number(below: 100) < percent }

  /// A letter from a to z.
  mutating func letter() -> UInt8 { UInt8(ascii: "a") + UInt8(number(below: 26)) }

  /// A word for one split: one of eight is kept for testing, by its hash, whatever the task.
  mutating func word(for split: DataSplit) -> String {
    while true {
      let word = anyWord()
      let isForTesting = (FNV1a.hash(word.utf8) >> 32) % 8 == 0
      if isForTesting == (split == .test) { return word }
    }
  }

  /// 3 to 7 letters with a vowel and a consonant among them, in which vowels and repeated letters are frequent.
  private mutating func anyWord() -> String {
    while true {
      var letters: [UInt8] = []
      for _ in 0..<3 + number(below: GeneratedTasks.wordWidth - 2) {
        let kind = number(below: 10)
        if kind < 2, !letters.isEmpty {
          letters.append(letters[number(below: letters.count)])
        } else if kind < 5 {
          letters.append(Array("aeiou".utf8)[number(below: 5)])
        } else {
          letters.append(letter())
        }
      }
      let vowels = letters.count(where: WordOperation.isVowel)
      if vowels > 0, vowels < letters.count { return String(decoding: letters, as: UTF8.self) }
    }
  }

  /// The operations of the pre-training set, those twice that take a small model longest to learn.
  private static let plainOperations =
    WordOperation.allCases + [.reverse, .sort, .consonants, .double, .unique, .halves, .common]

  /// Any operation by its name, most often with meaningless words before and behind that fill the columns.
  mutating func plainInstruction() -> (operation: WordOperation, text: String) {
    let operation = Self.plainOperations[number(below: Self.plainOperations.count)]
    var text = operation.rawValue
    guard chance(percent: 70) else { return (operation, text) }
    repeat {
      let filler = String(decoding: (0..<1 + number(below: 7)).map { _ in letter() }, as: UTF8.self)
      let longer = chance(percent: 50) ? "\(filler) \(text)" : "\(text) \(filler)"
      guard longer.count <= GeneratedTasks.instructionWidth else { break }
      text = longer
    } while chance(percent: 80)
    return (operation, text)
  }
}
