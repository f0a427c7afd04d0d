import Foundation

/// What a folder's files must be: the content of its `manifest.json`.
struct FolderManifest: Codable, Equatable {
  /// One file's length in bytes and SHA-256 in lower-case hexadecimal digits.
  struct Entry: Codable, Equatable {
    let size: Int
    let sha256: String
  }

  static let fileName = "manifest.json"

  /// By path relative to the folder.
  let files: [String: Entry]

  /// Describes the files in a folder and below it.
  ///
  /// - Throws: ``FileError``.
  init(describing folder: URL) throws {
    var files: [String: Entry] = [:]
    for name in try FileSystem.filesBelow(folder) where name != Self.fileName {
      let mapping = try MappedFile(folder.appending(path: name))
      files[name] = Entry(size: mapping.bytes.count, sha256: mapping.hexadecimalSHA256())
    }
    self.files = files
  }

  /// Reads a folder's manifest.
  ///
  /// - Throws: ``CheckpointError/missingManifest(folder:)``, ``CheckpointError/unreadableManifest(folder:)``.
  init(of folder: URL) throws {
    let url = folder.appending(path: Self.fileName)
    guard FileSystem.isFile(url) else { throw CheckpointError.missingManifest(folder: folder.path) }
    guard let manifest = try? JSONDecoder().decode(Self.self, from: try FileSystem.read(url)) else {
      throw CheckpointError.unreadableManifest(folder: folder.path)
    }
    self = manifest
  }

  /// Writes the manifest into a folder, whole and on the disk.
  ///
  /// - Throws: ``FileError``.
  func write(into folder: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try FileSystem.atomicWrite(try encoder.encode(self), to: folder.appending(path: Self.fileName))
  }

  /// Compares a folder with the manifest: every length first, as the cheap test, then every hash.
  ///
  /// - Throws: ``CheckpointError`` or ``FileError`` for the first file that differs. Files beyond the manifest are
  ///   left alone.
  func check(_ folder: URL) throws {
    let mappings = try files.sorted { utf8Order($0.key, $1.key) }.map { name, entry in
      let url = folder.appending(path: name)
      guard FileSystem.isFile(url) else { throw CheckpointError.missingFile(file: url.path, expected: entry.size) }
      let mapping = try MappedFile(url)
      guard mapping.bytes.count == entry.size else {
        throw CheckpointError.wrongSize(file: url.path, expected: entry.size, found: mapping.bytes.count)
      }
      return (url, entry, mapping)
    }
    for (url, entry, mapping) in mappings {
      let found = mapping.hexadecimalSHA256()
      guard found == entry.sha256 else {
        throw CheckpointError.wrongHash(file: url.path, expected: entry.sha256, found: found)
      }
    }
  }
}
