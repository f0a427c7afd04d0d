import Adapters
import Checkpoints
import Foundation
import MessagePassing
import Tensors
import Tokenizers

/// Files that all ranks must see with the same content.
enum FileFacts {
  /// A file and what errors call it.
  struct File {
    let kind: Fact.Kind
    let name: String
    let url: URL
    let shown: String

    init(_ kind: Fact.Kind, _ name: String, _ url: URL, shown: String? = nil) {
      (self.kind, self.name, self.url, self.shown) = (kind, name, url, shown ?? url.path)
    }
  }

  /// Length and checksum of each file; none at all where all ranks are on one host and see the same files. Collective.
  static func facts(_ files: [File], _ ranks: Ranks) throws -> [Fact] {
    let seen = try NodeFiles(files.map(\.url), node: ranks.node)
    if !ranks.spanHosts, seen.areShared { return [] }
    return try zip(files, seen.checksums()).map { file, content in
      guard let content else { return Fact(file.kind, file.name, "missing", shown: "missing (\(file.shown))") }
      let text = Checksum.text(content.checksum)
      return Fact(
        file.kind, file.name, "\(content.byteCount) \(text)",
        shown: "\(file.shown) (\(content.byteCount) bytes, checksum \(text))")
    }
  }

  /// The files of a model that its numbers depend on.
  ///
  /// - Parameter hasWeights: Whether weights are read from the folder.
  static func model(_ folder: ModelFolder, hasWeights: Bool) -> [File] {
    ([folder.configurationFile] + (hasWeights ? WeightFiles.urls(in: folder.url) : [])).map {
      File(.model, "the model's \($0.lastPathComponent)", $0)
    }
  }

  /// The files of a folder that tokens depend on.
  static func tokenizer(_ folder: URL) -> [File] {
    (Tokenizer.allFileNames + ["generation_config.json"]).map { folder.appending(path: $0) }.filter(FileSystem.isFile)
      .map { File(.tokenizer, "the tokenizer's \($0.lastPathComponent)", $0) }
  }

  /// The files of an adapter, or of a model that was trained whole.
  ///
  /// - Parameter isOneOfSeveral: Whether the adapter is told by its folder.
  static func adapter(_ folder: URL, isOneOfSeveral: Bool) -> [File] {
    let names = [AdapterFolder.configurationName, AdapterFolder.weightsName, "config.json"]
    return (names.map { folder.appending(path: $0) } + WeightFiles.urls(in: folder)).map {
      let own = isOneOfSeveral ? "adapter \(folder.path)'s" : "the adapter's"
      return File(.adapter, "\(own) \($0.lastPathComponent)", $0)
    }
  }
}
