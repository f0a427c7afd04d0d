import Foundation

/// A data file in memory (mapped, where the file system allows it) and its lines.
struct TextFile {
  let url: URL
  let bytes: Data

  /// - Throws: ``TaskError/unreadableFile(file:reason:)``.
  init(_ url: URL) throws {
    self.url = url
    do {
      bytes = try Data(contentsOf: url, options: .mappedIfSafe)
    } catch {
      let exists = FileManager.default.fileExists(atPath: url.path)
      throw TaskError.unreadableFile(
        file: url.path, reason: exists ? error.localizedDescription : "there is no such file")
    }
  }

  /// The data of one split of a task: its file, or what a ``GeneratedTasks`` set (`builtin:NAME`) holds.
  ///
  /// - Throws: ``TaskError``.
  init(_ task: TaskSpecification, split: DataSplit) throws {
    let url = try task.file(split)
    guard url.scheme == Self.generatedScheme else {
      try self.init(url)
      return
    }
    let name = String(url.absoluteString.dropFirst(Self.generatedScheme.count + 1))
    self.init(url: url, bytes: Data(try GeneratedTasks.lines(name: name, split: split).utf8))
  }

  private init(url: URL, bytes: Data) { (self.url, self.bytes) = (url, bytes) }

  private static let generatedScheme = "builtin"

  /// The file's name in error texts.
  var name: String { Self.name(of: url) }

  static func name(of url: URL) -> String { url.isFileURL ? url.path : url.absoluteString }

  /// Calls `body` with each line that is not blank and its number, until `body` returns false. One pass over the bytes.
  func forEachLine(_ body: (_ line: Data, _ number: Int) throws -> Bool) throws {
    var number = 0
    var start = bytes.startIndex
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { start += 3 }
    while start < bytes.endIndex {
      let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
      number += 1
      let line = bytes[start..<end]
      if line.contains(where: { $0 > UInt8(ascii: " ") }), try !body(line, number) { return }
      start = end + 1
    }
  }

  /// The value a line of JSON stands for.
  ///
  /// - Throws: ``TaskError/badJSON(file:line:reason:)``.
  func decode<Value: Decodable>(_ type: Value.Type, from json: Data, line: Int?, with decoder: JSONDecoder) throws
    -> Value
  {
    do {
      return try decoder.decode(type, from: json)
    } catch let error as DecodingError {
      let reason = Self.reason(error)
      throw TaskError.badJSON(
        file: name, line: line, reason: reason.hasSuffix(".") ? String(reason.dropLast()) : reason)
    }
  }

  private static func reason(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, let context): "\(path(context)) lacks \"\(key.stringValue)\""
    case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
      "\(path(context)) is not of the type \(type)"
    case .dataCorrupted(let context):
      (context.underlyingError as NSError?)?.userInfo[NSDebugDescriptionErrorKey] as? String
        ?? (context.underlyingError.map { "\($0)" } ?? context.debugDescription)
    @unknown default: "\(error)"
    }
  }

  private static func path(_ context: DecodingError.Context) -> String {
    guard !context.codingPath.isEmpty else { return "it" }
    return context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: " ")
  }
}
