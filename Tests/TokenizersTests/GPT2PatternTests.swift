import Testing

@testable import Tokenizers

struct GPT2PatternTests {
  /// Words as Hugging Face's `ByteLevel` pre-tokenizer (0.23) cuts them.
  static let cases: [[String]] = [
    ["It", "'s", " we", "'re", " I", "'ve", " he", "'ll", " I", "'d", " I", "'m", " can", "'t"],
    ["IT", "'", "S", " '", "s", " ''", "s", " '", "sx", " '", "re", "'", " '", "l", " '", "r"],
    ["a", " ", " b", "  ", " c", " "],
    [" ", " a"],
    [" \n\n", " x", "\n"],
    ["\t", "\t", "tab"],
    ["x", "\r\n\r", "\n", "y"],
    ["a", "\u{A0}", "b", " \u{A0}", "\u{A0}", "c"],
    ["a", "\u{85}", "b", "\u{85}", "\u{85}", "c"],
    ["a", "\u{2028}", "\u{2029}", "b"],
    ["a", "\u{200B}", "b", "\u{200D}", "c", "\u{FEFF}", "d"],
    ["\u{3000}", "\u{65E5}\u{672C}\u{8A9E}", "\u{3001}", "\u{30C6}\u{30B9}\u{30C8}", "\u{3002}"],
    ["e", "\u{301}", " n", "\u{303}", "o", " \u{E9}"],
    ["12\u{663}\u{664}\u{96B}\u{96C}\u{BD}\u{B2}\u{2167}3", "a"],
    ["abc", "123", "!?", "x", "_", "y", "$", "5"],
    ["\u{1F600}\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}", " \u{1F44D}\u{1F3FD}\u{1F1EB}\u{1F1F7}"],
    ["\0\u{1B}[", "0", "m", "\u{7F}"],
    ["\u{5E2}", "\u{5B4}", "\u{5D1}", "\u{5B0}", "\u{5E8}", " \u{939}", "\u{93F}", "\u{928}", "\u{94D}", "\u{926}"],
    ["don", "\u{2019}", "t", " \u{2018}", "s", "\u{2019}"],
    // Letters of Unicode 17 (U+10940, U+088F) are not letters yet.
    ["\u{10940}", "a", "\u{88F}", "b\u{1E900}\u{20000}", "\u{E000}\u{10FFFF}"],
    [" '"],
    [" 1", " a", " !", "  "],
    ["\u{1C5}\u{2B0}\u{AA}", "_\u{203F}"],
  ]

  @Test(arguments: cases)
  func wordsAgreeWithHuggingFace(words: [String]) {
    let bytes = Array(words.joined().utf8)
    var cut: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
      let end = GPT2Pattern.endOfMatch(from: start, in: bytes.span, limit: bytes.count)
      cut.append(Array(bytes[start..<end]))
      start = end
    }
    #expect(cut == words.map { Array($0.utf8) })
  }

  @Test func whiteSpaceIsUnicodesWhiteSpace() {
    let spaces = (0...0x10FFFF).compactMap(Unicode.Scalar.init).filter { ScalarClass.of($0) == .space }.map(\.value)
    let expected: [UInt32] =
      Array(9...13) + [0x20, 0x85, 0xA0, 0x1680] + Array(0x2000...0x200A) + [0x2028, 0x2029, 0x202F, 0x205F, 0x3000]
    #expect(spaces == expected)
  }

  @Test func asciiClassesAgreeWithUnicodes() {
    for byte in UInt8(0)..<0x80 {
      let kind = ScalarClass.of(Unicode.Scalar(byte))
      #expect(ScalarClass.of(ascii: byte) == kind)
      for other in [ScalarClass.other, .letter, .number, .space] {
        let (low, high) = other.asciiMembers
        #expect(((byte < 64 ? low : high) >> UInt64(byte % 64) & 1 == 1) == (other == kind))
      }
    }
  }
}
