/// Words in common between a text and a reference (Lin 2004, "ROUGE"), number for number as the `rouge-score` package
/// with stemming computes it.
struct Rouge {
  /// A text's words and lines of words; equal words have equal numbers among texts of one ``Rouge``.
  struct Words {
    let words: [Int32]
    /// The words of each line that is not empty.
    let lines: [[Int32]]
  }

  private let stemmer = PorterStemmer()
  private var numbers: [[UInt8]: Int32] = [:]
  private var stemNumbers: [[UInt8]: Int32] = [:]

  /// Splits a text into runs of ASCII letters and digits after lower-casing; words longer than three letters are
  /// stemmed.
  mutating func words(of text: String) -> Words {
    var lines: [[Int32]] = []
    for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
      // Lower-casing comes first: a few letters outside ASCII, such as the Kelvin sign, become ASCII by it.
      let lowered = String(Substring(line)).lowercased()
      let words = lowered.utf8.split { !Self.isWordByte($0) }
      lines.append(words.map { number(of: Array($0)) })
    }
    return Words(words: lines.flatMap { $0 }, lines: lines)
  }

  private static func isWordByte(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private mutating func number(of word: [UInt8]) -> Int32 {
    if let known = numbers[word] { return known }
    let stem = word.count > 3 ? stemmer.stem(word) : word
    let number = stemNumbers[stem] ?? Int32(stemNumbers.count)
    stemNumbers[stem] = number
    numbers[word] = number
    return number
  }

  // MARK: Scores

  /// F = 2 P R / (P + R), P = hits / predicted, R = hits / expected.
  private static func fMeasure(hits: Int, predicted: Int, expected: Int) -> Double {
    guard hits > 0 else { return 0 }
    let precision = Double(hits) / Double(predicted)
    let recall = Double(hits) / Double(expected)
    return 2 * precision * recall / (precision + recall)
  }

  /// ROUGE-1: each word counts as often as both texts have it.
  static func rouge1(prediction: Words, reference: Words) -> Double {
    var left = counts(reference.words)
    var hits = 0
    for word in prediction.words {
      if let count = left[word], count > 0 {
        left[word] = count - 1
        hits += 1
      }
    }
    return fMeasure(hits: hits, predicted: prediction.words.count, expected: reference.words.count)
  }

  /// ROUGE-L: the longest common subsequence of the two texts.
  static func rougeL(prediction: Words, reference: Words) -> Double {
    let table = SubsequenceTable(reference.words, prediction.words)
    return fMeasure(hits: table.length, predicted: prediction.words.count, expected: reference.words.count)
  }

  /// ROUGE-Lsum: for each line of the reference, the union of its longest common subsequences with the prediction's
  /// lines; no word counts more often than either text has it.
  static func rougeLsum(prediction: Words, reference: Words) -> Double {
    var predictedLeft = counts(prediction.words)
    var expectedLeft = counts(reference.words)
    var hits = 0
    for line in reference.lines {
      var isCommon = Array(repeating: false, count: line.count)
      for other in prediction.lines {
        for place in SubsequenceTable(line, other).places { isCommon[place] = true }
      }
      for (word, _) in zip(line, isCommon).filter(\.1) {
        guard let predicted = predictedLeft[word], let expected = expectedLeft[word], predicted > 0, expected > 0
        else { continue }
        predictedLeft[word] = predicted - 1
        expectedLeft[word] = expected - 1
        hits += 1
      }
    }
    return fMeasure(hits: hits, predicted: prediction.words.count, expected: reference.words.count)
  }

  private static func counts(_ words: [Int32]) -> [Int32: Int] {
    Dictionary(words.map { ($0, 1) }, uniquingKeysWith: +)
  }
}

/// Lengths of the longest common subsequences of all pairs of prefixes of two word lists.
struct SubsequenceTable {
  private let reference: [Int32]
  private let candidate: [Int32]
  /// (reference words + 1, candidate words + 1), row by row.
  private var lengths: [Int32]

  init(_ reference: [Int32], _ candidate: [Int32]) {
    self.reference = reference
    self.candidate = candidate
    let width = candidate.count + 1
    lengths = Array(repeating: 0, count: (reference.count + 1) * width)
    for row in 1..<(reference.count + 1) {
      for column in 1..<width {
        let place = row * width + column
        lengths[place] =
          reference[row - 1] == candidate[column - 1]
          ? lengths[place - width - 1] + 1 : max(lengths[place - width], lengths[place - 1])
      }
    }
  }

  /// The length of the longest common subsequence of the whole lists.
  var length: Int { Int(lengths[lengths.count - 1]) }

  /// The places in the reference of one longest common subsequence: of several, the one `rouge-score` picks, which from
  /// the end prefers to step back in the reference.
  var places: [Int] {
    let width = candidate.count + 1
    var (row, column) = (reference.count, candidate.count)
    var found: [Int] = []
    while row > 0, column > 0 {
      if reference[row - 1] == candidate[column - 1] {
        found.append(row - 1)
        row -= 1
        column -= 1
      } else if lengths[row * width + column - 1] > lengths[(row - 1) * width + column] {
        column -= 1
      } else {
        row -= 1
      }
    }
    return found.reversed()
  }
}
