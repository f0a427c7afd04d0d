import JSON
import Testing

struct JSONReaderTests {
  private func value(_ text: String) throws -> JSONValue { try JSONReader.value(of: Array(text.utf8)) }

  private func problem(_ bytes: [UInt8]) throws -> JSONReader.Fault {
    try #require(throws: JSONReader.Fault.self) { _ = try JSONReader.value(of: bytes) }
  }

  @Test func valuesAreRead() throws {
    #expect(
      try value(" {\"a\": [1, -2.5e1, true, false, null], \"b\": {}, \"c\": [] }\n")
        == .object([
          .init("a", .array([.int(1), .double(-25), .bool(true), .bool(false), .null])),
          .init("b", .object([])),
          .init("c", .array([])),
        ]))
  }

  @Test func escapesAreRead() throws {
    #expect(try value(#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#) == .string("a\"\\/\u{8}\u{C}\n\r\té😀é"))
  }

  @Test func keysOfOneMeaningStayApart() throws {
    guard case .object(let members) = try value("{\"\u{E9}\": 1, \"e\u{301}\": 2}") else {
      Issue.record("not an object")
      return
    }
    #expect(members.count == 2)
  }

  @Test(arguments: [
    ("[1,\n2", 2, "',' or ']' was expected in a list"),
    ("{\"a\" 1}", 1, "':' was expected after a key"),
    ("{\"a\": 1 2}", 1, "',' or '}' was expected in an object"),
    ("\"abc", 1, "a text has no closing quote"),
    ("\"a\\x\"", 1, "unknown escape in a text"),
    ("\"\\u12g4\"", 1, "\\u needs four hexadecimal digits"),
    ("\"\\ud800\"", 1, "half of a surrogate pair"),
    ("\"a\nb\"", 1, "a text holds a raw control character"),
    ("nul", 1, "a value was expected"),
    ("1 2", 1, "something follows the end of the value"),
    ("", 1, "the text ends too early"),
  ])
  func faultsAreNamed(text: String, line: Int, problem expected: String) throws {
    let fault = try problem(Array(text.utf8))
    #expect(fault.line == line)
    #expect(fault.problem == expected)
  }

  @Test func hostileInputIsRefused() throws {
    #expect(try problem(Array(repeating: UInt8(ascii: "["), count: 100_000)).problem == "nested deeper than 256")
    #expect(try problem([0x22, 0xFF, 0x22]).problem == "the text is not UTF-8")
  }
}
