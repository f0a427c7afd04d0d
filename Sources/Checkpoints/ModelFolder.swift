import Foundation

/// A Hugging Face model folder: configuration, weights and, most times, a tokenizer.
public struct ModelFolder: Sendable {
  /// The folder.
  public let url: URL
  /// `config.json` as it is; a JSON object for certain.
  public let configuration: Data
  /// Its `model_type`, such as `gpt2`.
  public let modelType: String

  /// Where `config.json` lies, for error texts.
  public var configurationFile: URL { url.appending(path: "config.json") }

  /// Opens a folder.
  ///
  /// - Throws: ``ModelFolderError`` when it has no sound `config.json`.
  public init(_ folder: URL) throws {
    url = folder
    let file = folder.appending(path: "config.json")
    guard FileSystem.isFile(file) else {
      throw ModelFolderError.missingConfiguration(
        folder: folder.path, holdsAdapter: FileSystem.isFile(folder.appending(path: "adapter_config.json")))
    }
    configuration = try FileSystem.read(file)
    let object = try Self.object(configuration, file)
    guard let modelType = object["model_type"] as? String else {
      throw ModelFolderError.unreadableConfiguration(file: file.path, reason: "no text under the key model_type")
    }
    self.modelType = modelType
  }

  /// Finds and opens the folder that `model_name_or_path` means: an existing folder, or else a name in the local
  /// Hugging Face cache (`HF_HUB_CACHE`, else `HF_HOME/hub`, else `~/.cache/huggingface/hub`).
  ///
  /// - Parameters:
  ///   - nameOrPath: A path, or `name` or `organisation/name` as on the Hub.
  ///   - base: The folder that relative paths start from; nil for the working directory.
  ///   - environment: Where the cache's variables are looked up.
  /// - Throws: ``ModelFolderError``.
  public static func resolve(
    _ nameOrPath: String, relativeTo base: URL? = nil,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> ModelFolder {
    let path = NSString(string: nameOrPath).expandingTildeInPath
    let start = path.hasPrefix("/") ? URL(filePath: "/") : base ?? URL.currentDirectory()
    let folder = start.appending(path: path).absoluteURL.standardizedFileURL
    if !nameOrPath.isEmpty {
      if FileSystem.isFolder(folder) { return try ModelFolder(folder) }
      if FileSystem.isFile(folder) { throw ModelFolderError.notAFolder(path: folder.path) }
    }
    var looked = [folder.path]
    if HubCache.isHubName(nameOrPath) {
      let cache = HubCache(environment: environment)
      if let snapshot = try cache.snapshot(of: nameOrPath) { return try ModelFolder(snapshot) }
      looked.append(cache.modelFolder(nameOrPath).path)
    }
    throw ModelFolderError.notFound(name: nameOrPath, looked: looked)
  }

  /// The configuration's values by key.
  public var configurationValues: [String: Any] { (try? Self.object(configuration, configurationFile)) ?? [:] }

  /// The configuration as a type of the caller's.
  ///
  /// - Throws: ``ModelFolderError/unreadableConfiguration(file:reason:)`` that names the key at fault.
  public func decodeConfiguration<Value: Decodable>(as type: Value.Type) throws -> Value {
    do {
      return try JSONDecoder().decode(type, from: configuration)
    } catch let error as DecodingError {
      throw ModelFolderError.unreadableConfiguration(file: configurationFile.path, reason: Self.reason(error))
    }
  }

  /// Opens the weights: `model.safetensors`, or the shards of `model.safetensors.index.json`.
  ///
  /// - Throws: ``ModelFolderError``, ``SafetensorsError``, ``FileError``.
  public func weights() throws -> WeightFiles { try WeightFiles(in: url) }

  private static func object(_ data: Data, _ file: URL) throws -> [String: Any] {
    guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
      throw ModelFolderError.unreadableConfiguration(file: file.path, reason: "not a JSON object")
    }
    return object
  }

  /// A decoding fault in one line without code words.
  private static func reason(_ error: DecodingError) -> String {
    func key(_ path: [any CodingKey]) -> String { path.map(\.stringValue).joined(separator: ".") }
    return switch error {
    case .keyNotFound(let missing, let context): "the key \(key(context.codingPath + [missing])) is missing"
    case .valueNotFound(_, let context): "the key \(key(context.codingPath)) has no value"
    case .typeMismatch(let type, let context): "the key \(key(context.codingPath)) is not of type \(type)"
    case .dataCorrupted(let context): "the key \(key(context.codingPath)) is not readable"
    @unknown default: "not readable"
    }
  }
}

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
