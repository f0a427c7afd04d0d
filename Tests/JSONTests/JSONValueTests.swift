import Foundation
import JSON
import Testing

struct JSONValueTests {
  @Test func textIsValidAndInOrder() throws {
    let value: JSONValue = [
      "z": 1, "a": .double(.nan), "text": "a\"\\\n\u{1}é\u{2028}", "list": [1.5, true, nil, .double(1e-7), -3],
      "empty": [], "object": .object([JSONValue.Member]()),
    ]
    #expect(
      value.text == #"{"z": 1, "a": null, "text": "a\"\\\n\u0001é\u2028", "list": [1.5, true, null, 1e-07, -3], "#
        + #""empty": [], "object": {}}"#)
    let decoded = try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any]
    #expect(decoded?["text"] as? String == "a\"\\\n\u{1}é\u{2028}")
    #expect(decoded?["a"] is NSNull)
  }

  @Test func everyScalarComesBackFromItsQuotes() throws {
    let scalars = (0..<0x300).map { Unicode.Scalar($0)! } + ["\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFD}", "😀"]
    for scalar in scalars {
      let text = "a\(Character(scalar))b"
      let quoted = JSONText.quoted(text)
      #expect(try JSONReader.value(of: Array(quoted.utf8)) == .string(text))
      #expect(!quoted.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
    }
  }

  @Test func membersAreFoundByTheirName() throws {
    let value = try JSONReader.value(of: Array(#"{"a": 1, "b": 2.5, "a": 3}"#.utf8))
    #expect(value["a"] == 3 && value["b"].number == 2.5 && value["c"] == .null && value.number == nil)
    #expect(JSONValue.null["a"] == .null)
    #expect(value["c"].isEmpty && JSONValue.array([]).isEmpty && !value.isEmpty)
  }

  @Test func decodingSortsMembers() throws {
    let data = Data(#"{"b": [1, 2.5, "x", null, true], "a": {}}"#.utf8)
    #expect(
      try JSONDecoder().decode(JSONValue.self, from: data).text == #"{"a": {}, "b": [1, 2.5, "x", null, true]}"#)
  }
}
