import JSON

/// The merges of a byte-pair model as its file lists them, the earliest first.
struct MergeList {
  private struct Merge {
    let left: String
    let right: String
    let result: String
    let rank: Int
  }

  private let field: JSONField
  private var merges: [Merge] = []

  /// Reads `merges`. `prefix` marks tokens within a word; the right token of a merge loses it.
  init(_ field: JSONField, prefix: String) throws(TokenizerError) {
    self.field = field
    guard case .array(let lines) = field.value else {
      throw field.problem("must be a list, but is \(field.value.kind)")
    }
    for (rank, line) in lines.enumerated() {
      if case .string(let text) = line, text.hasPrefix("#version") { continue }
      guard let (left, right) = Self.pair(line) else {
        throw field.problem("[\(rank)] must be two tokens, but is \(line.kind)")
      }
      merges.append(
        Merge(
          left: left, right: right,
          result: left + String(decoding: right.utf8.dropFirst(prefix.utf8.count), as: UTF8.self), rank: rank))
    }
  }

  /// The merges by the ids of `vocabulary`.
  func table(_ vocabulary: Vocabulary) throws(TokenizerError) -> MergeTable {
    var table = MergeTable(count: merges.count)
    for merge in merges {
      guard let left = vocabulary.id(for: merge.left), let right = vocabulary.id(for: merge.right),
        let id = vocabulary.id(for: merge.result)
      else {
        throw field.problem(
          "[\(merge.rank)] joins \"\(merge.left)\" and \"\(merge.right)\", but the vocabulary lacks one of them or the "
            + "result")
      }
      table.insert(left, right, .init(rank: Int32(merge.rank), id: id))
    }
    return table
  }

  /// Where words may be cut without a change of ids.
  func wordBeginning(_ vocabulary: Vocabulary) -> [UInt8]? {
    vocabulary.id(for: Metaspace.text) == nil ? nil : Metaspace.wordBeginning(merges.lazy.map(\.result))
  }

  /// The two tokens of a merge, written `["a", "b"]` or `"a b"`.
  private static func pair(_ line: JSONValue) -> (String, String)? {
    switch line {
    case .array(let parts):
      guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1] else { return nil }
      return (left, right)
    case .string(let text):
      let parts = text.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      return (String(Substring(parts[0])), String(Substring(parts[1])))
    default: return nil
    }
  }
}
