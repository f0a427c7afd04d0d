import Foundation
import Tensors

/// What a probe is to look at, beside the host itself.
public struct ProbeRequest: Codable, Sendable, Equatable {
  /// A file that all hosts must have alike.
  public struct File: Codable, Sendable, Equatable {
    public let kind: Fact.Kind
    /// What findings call it.
    public let name: String
    public let path: String
  }

  public var files: [File] = []
  /// Where the run writes, if this host does.
  public var output: String?
  /// How frozen matrices are held.
  public var precision = Precision.fp32.rawValue
  /// Seconds for each of the two rates.
  public var seconds = 0.5

  public init() {}

  /// What a recipe's run reads and writes.
  ///
  /// - Parameter recipePath: The recipe's own file.
  /// - Throws: What says that its model is missing here.
  public init(_ recipe: Recipe, recipePath: String) throws {
    precision = recipe.precision.rawValue
    output = Self.absolute(recipe.outputDir)
    let model = try ModelAssembly.folder(recipe.modelNameOrPath)
    let tokenizer =
      recipe.tokenizerNameOrPath == recipe.modelNameOrPath
      ? model.url : try ModelAssembly.tokenizerFolder(recipe.tokenizerNameOrPath)
    let found =
      [FileFacts.File(.recipe, "the recipe's file", URL(filePath: recipePath))]
      + FileFacts.model(model, hasWeights: recipe.initWeights == .pretrained) + FileFacts.tokenizer(tokenizer)
      + (recipe.adapter.initFrom.map { FileFacts.adapter(URL(filePath: $0), isOneOfSeveral: false) } ?? [])
    let data = recipe.tasks.flatMap { task in
      [("training", task.train), ("test", task.test)].compactMap { split, file in
        file.flatMap { $0.isFileURL ? FileFacts.File(.data, "\(split) data of task \(task.name)", $0) : nil }
      }
    }
    files = (found + data).map { File(kind: $0.kind, name: $0.name, path: Self.absolute($0.url.path)) }
  }

  private static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
  }

  /// Of its files, as they are here.
  public var byteCount: Int {
    files.reduce(0) { sum, file in
      let size = try? FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int
      return sum + (size ?? 0)
    }
  }

  /// As a text on one line, and back.
  public var text: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "{}" }

  /// - Throws: `DecodingError`.
  public init(text: String) throws { self = try JSONDecoder().decode(ProbeRequest.self, from: Data(text.utf8)) }
}
