/// What the generated tasks ask to be done with a word of lower-case letters.
public enum WordOperation: String, Sendable, CaseIterable {
  /// The word as it is.
  case copy
  /// The letters from last to first.
  case reverse
  /// The letters in capitals.
  case upper
  /// The letters in alphabetical order.
  case sort
  /// The letters that are not a, e, i, o or u.
  case consonants
  /// Every letter twice.
  case double
  /// The number of letters, in digits.
  case length
  /// Every letter replaced by the one after it in the alphabet; a follows z.
  case next
  /// Every letter the first time it occurs.
  case unique
  /// The back half, then the front half, which has the middle letter of an odd number.
  case halves
  /// The letter that occurs most often; of several the first.
  case common
  /// A hyphen between every two letters.
  case dash
  /// The first letter, the third, the fifth and so on.
  case alternate
  /// The first letter moved to the end.
  case rotate
  /// The last letter.
  case last

  /// The answer for `word`, which is not empty and consists of a to z.
  public func callAsFunction(_ word: String) -> String {
    let letters = Array(word.utf8)
    return String(decoding: apply(to: letters), as: UTF8.self)
  }

  private func apply(to letters: [UInt8]) -> [UInt8] {
    switch self {
    case .copy: letters
    case .reverse: letters.reversed()
    case .upper: letters.map { $0 - 0x20 }
    case .sort: letters.sorted()
    case .consonants: letters.filter { !Self.isVowel($0) }
    case .double: letters.flatMap { [$0, $0] }
    case .length: Array(String(letters.count).utf8)
    case .next: letters.map { $0 == UInt8(ascii: "z") ? UInt8(ascii: "a") : $0 + 1 }
    case .unique: letters.indices.filter { !letters[..<$0].contains(letters[$0]) }.map { letters[$0] }
    case .halves: Array(letters[((letters.count + 1) / 2)...] + letters[..<((letters.count + 1) / 2)])
    case .common: [Self.mostFrequent(letters)]
    case .dash: Array(letters.map { [$0] }.joined(separator: [UInt8(ascii: "-")]))
    case .alternate: stride(from: 0, to: letters.count, by: 2).map { letters[$0] }
    case .rotate: Array(letters.dropFirst() + letters.prefix(1))
    case .last: [letters[letters.count - 1]]
    }
  }

  /// Whether the letter is one of a, e, i, o and u.
  static func isVowel(_ letter: UInt8) -> Bool { "aeiou".utf8.contains(letter) }

  private static func mostFrequent(_ letters: [UInt8]) -> UInt8 {
    func count(_ letter: UInt8) -> Int { letters.count { $0 == letter } }
    return letters.reduce(letters[0]) { count($1) > count($0) ? $1 : $0 }
  }
}
