import Crypto
import Foundation

/// Turns a recipe's tasks into token ids, or finds them in a folder of earlier results.
///
/// A cached task is found by a SHA-256 over everything its tokens depend on: the bytes of the data file and of the
/// tokenizer's, the task's ``PromptOptions``, the ``TokenizationOptions``, and the version of this code. Ranks may
/// share the folder: files appear whole, by renaming.
public struct TaskPreparation: Sendable {
  public let tokenizer: ExampleTokenizer
  private let encoding: (any TextEncoding)?
  private let tokenizerDigest: String
  private let cacheFolder: URL?
  /// The tasks that lines may name.
  private let taskNames: [String]

  /// Raised whenever the same input would give other tokens than before.
  private static let version = 2

  /// Everything the tokens of a task depend on.
  private struct CacheKey: Encodable {
    let version: Int
    let dataDigest, tokenizerDigest: String
    let split: DataSplit
    let prompt: PromptOptions
    let tokenization: TokenizationOptions
    /// It may decide the delimiter.
    let fileExtension: String
    /// nil where no line can name one.
    let taskNames: [String]?
  }

  /// - Parameters:
  ///   - encoding: The tokenizer; nil where all data is pre-tokenized.
  ///   - tokenizerFiles: The files that its ids depend on.
  ///   - cacheFolder: Where tokens are kept, made when needed; nil: nowhere.
  ///   - taskNames: The names that pre-tokenized lines may use, in the order of the tasks' numbers.
  /// - Throws: ``TaskError``.
  public init(
    encoding: (any TextEncoding)?, tokenizerFiles: [URL] = [], options: TokenizationOptions, cacheFolder: URL? = nil,
    taskNames: [String] = []
  ) throws {
    self.encoding = encoding
    self.cacheFolder = cacheFolder
    self.taskNames = taskNames
    tokenizer = try ExampleTokenizer(encoding: encoding, options: options)
    tokenizerDigest = try tokenizerFiles.map { Self.hex(SHA256.hash(data: try TextFile($0).bytes)) }.joined()
  }

  /// The tokens of one split of a task, with a report of what was cut and dropped.
  ///
  /// - Throws: ``TaskError``; a cache that cannot be read or written is no error but a note in the report.
  public func prepare(_ task: TaskSpecification, split: DataSplit) throws -> TokenizedTask {
    let file = try TextFile(task, split: split)
    guard let cacheFolder else { return try tokenize(task, split: split, file: file) }
    let url = cacheFolder.appending(path: try cacheName(task, split: split, file: file) + ".tokens")
    var note: String?
    if let bytes = try? Data(contentsOf: url) {
      if var cached = TokenizedTaskFile.task(from: bytes) {
        cached.rename(task.name)
        cached.report.isFromCache = true
        return cached
      }
      note = "the cached tokens in \(url.path) were damaged and have been made anew"
    }
    var result = try tokenize(task, split: split, file: file)
    do {
      try FileManager.default.createDirectory(at: cacheFolder, withIntermediateDirectories: true)
      try TokenizedTaskFile.bytes(of: result).write(to: url, options: .atomic)
    } catch {
      note = "the tokens could not be kept in \(cacheFolder.path): \(error.localizedDescription)"
    }
    result.report.note = note
    return result
  }

  private func tokenize(_ task: TaskSpecification, split: DataSplit, file: TextFile) throws -> TokenizedTask {
    var result = TokenizedTask(name: task.name, split: split, kind: tokenizer.options.kind)
    if task.prompt.format == .pretokenized {
      let reader = ExampleLineReader(tokenizer: tokenizer, taskNames: taskNames)
      let outcomes = try reader.outcomes(file, limit: task.prompt.exampleLimit(split), needLabels: true)
      guard !outcomes.isEmpty else { throw TaskError.noExamples(task: task.name, file: file.name) }
      for outcome in outcomes { keep(outcome, in: &result) }
    } else {
      let selection = try ExampleSelection(
        TaskReader(task).read(file, limit: task.prompt.exampleLimit(split)), of: task, split: split)
      (result.report.skipped, result.report.labelSplit) = (selection.skipped, selection.labelSplit)
      for example in selection.examples {
        keep(try tokenizer.outcome(example, classes: task.prompt.labels, task: task.name), in: &result)
      }
    }
    guard result.count > 0 else {
      throw TaskError.noLabelsLeft(task: task.name, file: file.name, dropped: result.report.dropped)
    }
    return result
  }

  private func keep(_ outcome: ExampleTokenizer.Outcome, in result: inout TokenizedTask) {
    var outcome = outcome
    guard outcome.example.labelCount(result.kind) > 0 else {
      result.report.dropped += 1
      return
    }
    if result.split == .test, outcome.example.references.isEmpty, result.kind != .classification, let encoding {
      let answer = outcome.example.labels.filter { $0 != TokenizedExample.noLabel }
      outcome.example.references = [encoding.decode(Array(answer), skipSpecialTokens: true)]
    }
    result.append(outcome.example)
    result.report.count(outcome, kind: result.kind, endOfTextId: tokenizer.endOfTextId)
  }

  func cacheName(_ task: TaskSpecification, split: DataSplit, file: TextFile) throws -> String {
    var tokenization = tokenizer.options
    tokenization.endOfTextId = tokenizer.endOfTextId
    let key = CacheKey(
      version: Self.version, dataDigest: Self.hex(SHA256.hash(data: file.bytes)), tokenizerDigest: tokenizerDigest,
      split: split, prompt: task.prompt.concerning(split), tokenization: tokenization,
      fileExtension: file.url.pathExtension, taskNames: task.prompt.format == .pretokenized ? taskNames : nil)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    return Self.hex(SHA256.hash(data: try encoder.encode(key)))
  }

  static func hex(_ digest: SHA256.Digest) -> String {
    digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }
}
