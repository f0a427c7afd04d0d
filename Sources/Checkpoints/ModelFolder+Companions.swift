import Foundation

extension ModelFolder {
  /// What belongs to a model beside its weights and config.json, by how the names begin.
  private static let companions = [
    "tokenizer", "vocab", "merges", "special_tokens_map", "added_tokens", "spiece", "sentencepiece", "spm",
    "chat_template", "generation_config", "LICENSE",
  ]

  /// Copies the tokenizer's files and what else a model made of this one keeps, weights and config.json apart.
  ///
  /// - Throws: An error of a file.
  public func copyCompanions(to folder: URL) throws {
    for name in try FileManager.default.contentsOfDirectory(atPath: url.path).sorted() {
      let file = url.appending(path: name)
      guard FileSystem.isFile(file), Self.companions.contains(where: name.hasPrefix) else { continue }
      try FileSystem.atomicWrite(FileSystem.read(file), to: folder.appending(path: name))
    }
  }
}
