import ArgumentParser
import Foundation

/// Whole numbers above 0 with commas between them, each once, such as "1,2,4".
struct CountList {
  let values: [Int]

  /// Reads an option.
  ///
  /// - Throws: `ValidationError`.
  static func parse(_ text: String) throws -> CountList {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let values = parts.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }.filter {
      (1...1_000_000).contains($0)
    }
    guard values.count == parts.count else {
      throw ValidationError("give whole numbers above 0 with commas between them, such as 1,2,4")
    }
    guard Set(values).count == values.count else { throw ValidationError("a number is there twice") }
    return CountList(values: values)
  }
}
