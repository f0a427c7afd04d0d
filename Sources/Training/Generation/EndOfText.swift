import Checkpoints
import Foundation

extension ModelFolder {
  /// The tokens that end a text, as Hugging Face's `generate` finds them: `eos_token_id` of generation_config.json or,
  /// without that file, of config.json. nil where neither names one.
  ///
  /// - Throws: `ModelFolderError` or `FileError`.
  public func endOfTextIds() throws -> Set<Int32>? {
    let file = url.appending(path: "generation_config.json")
    guard FileSystem.isFile(file) else { return try Self.ids(configurationValues, configurationFile) }
    guard let values = (try? JSONSerialization.jsonObject(with: FileSystem.read(file))) as? [String: Any] else {
      throw ModelFolderError.unreadableConfiguration(file: file.path, reason: "not a JSON object")
    }
    return try Self.ids(values, file)
  }

  private static func ids(_ values: [String: Any], _ file: URL) throws -> Set<Int32>? {
    guard let value = values["eos_token_id"], !(value is NSNull) else { return nil }
    let list = (value as? [Any] ?? [value]).map { ($0 as? Int).flatMap(Int32.init(exactly:)) }
    guard list.allSatisfy({ $0 ?? -1 >= 0 }) else {
      throw ModelFolderError.unreadableConfiguration(
        file: file.path, reason: "eos_token_id is neither a token id nor a list of them")
    }
    return Set(list.compactMap { $0 })
  }
}
