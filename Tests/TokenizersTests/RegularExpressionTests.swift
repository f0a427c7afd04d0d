import Testing

@testable import Tokenizers

struct RegularExpressionTests {
  /// Of Llama 3.
  static let llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"#
    + #"|\s+(?!\S)|\s+"#
  /// Of GPT-4o.
  static let o200k =
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#
    + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
    + #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

  /// Segments as Hugging Face's `Split` (0.23) isolates them.
  static let cases: [(String, [[String]])] = [
    (
      Self.llama3,
      [
        ["It", "'s", " I", "'LL", " a", "123", "456", "7", " x", "'\u{17F}", "y"],
        ["a", "\u{A}\u{A}", " b", "\u{D}\u{A}", " ", " c", " ", " d"],
        ["\u{E9}t\u{E9}", "\u{9}", "\u{9}", "1", "/", "2", "!!\u{A}", "\u{4E2D}\u{6587}", " ", "\u{BD}"],
      ]
    ),
    (Self.o200k, [["hello", "World", " HTTPServer's", " x", "/\u{A}"]]),
    (#"(?i:k+)|a{2}b{1,}|x{0,1}y"#, [["Kk\u{212A}", " ", "aabbb", " a", "y", " x", "xy"]]),
    (#"\s+(?=\S)|\p{Lu}\p{Ll}*"#, [["  ", "Ab\u{295}", " ", "c", "D", "  "]]),
    (#"[^\W\d_]+|[\]\-a-c^]"#, [["a", "1_", "\u{E9}", "]", "b", "-", "^", "\u{B2}", "z"]]),
    (#"(?:ab|a)c|a++b|."#, [["abc", "ac", " ", "aab", "\u{A}"]]),
    (#"\P{L}+"#, [["a", "1 ", "b"]]),
  ]

  @Test(arguments: cases)
  func segmentsAgreeWithHuggingFace(pattern: String, texts: [[String]]) throws {
    let expression = try RegularExpression(pattern)
    for segments in texts {
      let bytes = segments.flatMap(\.utf8)
      var found: [[UInt32]] = []
      expression.forEachSegment(of: 0..<bytes.count, in: bytes.span) { range, _ in found.append(scalars(bytes[range])) }
      #expect(found == segments.map { scalars($0) })
    }
  }

  @Test func gpt2sPatternAgreesWithItsHandWrittenForm() throws {
    let pattern = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    let expression = try RegularExpression(pattern)
    for words in GPT2PatternTests.cases {
      let bytes = words.flatMap(\.utf8)
      var found: [[UInt8]] = []
      expression.forEachSegment(of: 0..<bytes.count, in: bytes.span) { range, _ in found.append(Array(bytes[range])) }
      #expect(found == words.map { Array($0.utf8) })
    }
  }

  @Test(arguments: [
    ("a*", "a match of nothing"), ("(?<=a)b", "the group \"(?<\""), (#"\bx"#, #""\b""#), ("^a", "\"^\" here"),
    ("[a[b]]", "a class within a class"), ("(?i:straße)", "\"st\" in either case"), ("(?i:é)", "\"é\" in either case"),
    (#"\p{Han}"#, #""\p{Han}""#), ("(a", "a ( without its )"), ("a)", "a ) without its ("),
    ("[a", "a [ without its ]"), ("a{2}+", "a repetition of a repetition"), ("a{,2}", "this form of { }"),
    ("(?:a?)+b", "a repetition of what may match nothing"), ("[z-a]", "this range in a class"),
    ("(?:ab)*?c", "a lazy or possessive repetition of more than a class"), ("a\\", "a backslash at the end"),
    ("(?i:[a-z])", "a class of letters in either case"),
  ])
  func whatIsNotReadIsNamed(pattern: String, what: String) throws {
    let error = try #require(throws: ExpressionParser.Unsupported.self) { _ = try RegularExpression(pattern) }
    #expect(error.what == what)
  }

  @Test func longRunsAreGivenBackOneByOne() throws {
    let text = Array((String(repeating: "é", count: 20000) + "x").utf8)
    var ends: [Int] = []
    try RegularExpression(#"\p{L}+(?=x)"#).forEachSegment(of: 0..<text.count, in: text.span) { range, _ in
      ends.append(range.upperBound)
    }
    #expect(ends == [40000, 40001])
  }
}
