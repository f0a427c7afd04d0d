import Foundation
import TestSupport
import Testing

@testable import Checkpoints

/// The project's own golden fixtures beside the larger set that they are a part of.
struct OwnFixturesTests {
  @Test func theyStayBelowFourMegabytes() throws {
    let size = try FileSystem.filesBelow(Fixtures.own).reduce(0) { total, path in
      let attributes = try FileManager.default.attributesOfItem(atPath: Fixtures.own.appending(path: path).path)
      return total + (attributes[.size] as? Int ?? 0)
    }
    #expect(size > 1_000_000 && size < 4_000_000)
  }

  @Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
  func theyAreAPartOfTheLargerSet() throws {
    let paths = try FileSystem.filesBelow(Fixtures.own)
    let (numbers, others) = (paths.filter { $0.hasSuffix(".safetensors") }, paths.filter { $0.hasSuffix(".json") })
    #expect(numbers.count > 30 && others.count > 50)
    for path in numbers {
      let own = try SafetensorsFile(Fixtures.own.appending(path: path)), whole = try SafetensorsFile(Fixtures.url(path))
      for name in own.names {
        let numbers = try own.array(name)  // of logits the last row alone
        #expect(try numbers == whole.array(name).suffix(numbers.count), "\(path): \(name)")
      }
      #expect(own.names.count == whole.names.count || path.split(separator: "/").count == 3, "\(path)")
    }
    for path in others where !path.hasSuffix("cases.json") {
      func json(_ file: URL) throws -> NSObject? {
        try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSObject
      }
      #expect(try json(Fixtures.own.appending(path: path)) == json(Fixtures.url(path)), "\(path)")
    }
  }

  /// Some of the cases of each kind of tokenizer.
  @Test(.enabled(if: SharedFolder.isPresent, Comment(rawValue: SharedFolder.absence)))
  func theirTokenizersCasesAreAmongTheOthers() throws {
    func texts(_ file: URL) throws -> Set<String> {
      let cases = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]]
      return Set(try #require(cases).compactMap { $0["text"] as? String })
    }
    for kind in try FileManager.default.contentsOfDirectory(atPath: Fixtures.own.appending(path: "tokenizers").path) {
      let path = "tokenizers/\(kind)/cases.json", own = try texts(Fixtures.own.appending(path: path))
      let all = try texts(Fixtures.url(path))
      #expect(own.count >= 8 && own.isSubset(of: all), "\(kind)")
    }
  }
}
