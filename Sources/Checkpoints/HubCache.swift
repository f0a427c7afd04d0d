import Foundation

/// The local cache of downloads from the Hugging Face Hub. It is read only; nothing is downloaded.
///
/// Layout: `<cache>/models--<organisation>--<name>/refs/main` holds a revision, whose files are in
/// `snapshots/<revision>/`.
struct HubCache {
  let root: URL

  /// The cache that Hugging Face's own tools would use with these environment variables.
  init(environment: [String: String]) {
    func folder(_ variable: String) -> URL? {
      guard let value = environment[variable], !value.isEmpty else { return nil }
      return URL(filePath: NSString(string: value).expandingTildeInPath)
    }
    let home = folder("HOME") ?? FileManager.default.homeDirectoryForCurrentUser
    let userCache = folder("XDG_CACHE_HOME") ?? home.appending(path: ".cache")
    let huggingFace = folder("HF_HOME") ?? userCache.appending(path: "huggingface")
    root = folder("HF_HUB_CACHE") ?? huggingFace.appending(path: "hub")
  }

  /// Whether `name` has the form of a Hub name: `name` or `organisation/name`.
  static func isHubName(_ name: String) -> Bool {
    name.wholeMatch(of: /[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)?/) != nil
  }

  /// Where the model of a Hub name would lie.
  func modelFolder(_ name: String) -> URL {
    root.appending(path: "models--" + name.replacing("/", with: "--"))
  }

  /// The files of the main revision of a model; nil if it was never downloaded.
  ///
  /// - Throws: ``ModelFolderError/incompleteDownload(name:missing:)``.
  func snapshot(of name: String) throws -> URL? {
    let folder = modelFolder(name)
    guard FileSystem.isFolder(folder) else { return nil }
    let reference = folder.appending(path: "refs/main")
    guard let data = try? FileSystem.read(reference) else {
      throw ModelFolderError.incompleteDownload(name: name, missing: reference.path)
    }
    let revision = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    let snapshot = folder.appending(path: "snapshots/\(revision)")
    guard !revision.isEmpty, FileSystem.isFolder(snapshot) else {
      throw ModelFolderError.incompleteDownload(name: name, missing: snapshot.path)
    }
    return snapshot
  }
}
