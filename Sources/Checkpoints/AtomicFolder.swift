import Foundation

/// Folders and sets of files that appear whole or not at all, whatever moment the process or the machine dies.
///
/// One process writes at a time; among ranks that is rank 0.
public enum AtomicFolder {
  /// Writes a folder under a hidden sibling name, brings it to the disk and then gives it its own name.
  ///
  /// - Parameters:
  ///   - final: The folder to appear. Folders above it are created.
  ///   - replaceExisting: Whether a folder of that name gives way. An empty one always does.
  ///   - writesManifest: Whether `manifest.json` (each file's size and SHA-256) is added, last of all files.
  ///   - body: Fills the folder it is given.
  /// - Throws: ``CheckpointError/alreadyExists(path:)``, ``FileError``, or what `body` throws. An old folder is then
  ///   as it was, and nothing else remains.
  public static func write(
    to final: URL, replaceExisting: Bool, writesManifest: Bool = true, _ body: (URL) throws -> Void
  ) throws {
    let final = final.standardizedFileURL.resolvingSymlinksInPath()
    let parent = final.deletingLastPathComponent()
    try FileSystem.createFolder(parent)
    try recover(in: parent)
    guard try replaceExisting || !isOccupied(final) else { throw CheckpointError.alreadyExists(path: final.path) }
    if FileSystem.isFile(final) { throw FileError(operation: "create", path: final.path, code: EEXIST) }
    let temporary = try TemporaryFolder(beside: final)
    try body(temporary.url)
    try FileSystem.synchronizeTree(temporary.url)
    if writesManifest { try FolderManifest(describing: temporary.url).write(into: temporary.url) }
    try put(temporary, at: final)
    try FileSystem.synchronize(parent)
  }

  /// Writes several files into an existing folder as one change: all of them replace their predecessors, or none.
  ///
  /// Each file is whole at every moment. A crash between the moves of two of them is made good by ``recover(in:)``.
  ///
  /// - Parameters:
  ///   - folder: The folder that holds the files in the end; the others in it stay.
  ///   - body: Writes the files, and no folders, into the folder it is given.
  /// - Throws: ``FileError``, or what `body` throws; then no file has changed.
  public static func publishFiles(into folder: URL, _ body: (URL) throws -> Void) throws {
    try recover(in: folder)
    let temporary = try TemporaryFolder(beside: folder.appending(path: "files"))
    try body(temporary.url)
    try FileSystem.synchronizeTree(temporary.url)
    let names = try FileSystem.names(in: temporary.url)
    for name in names where FileSystem.isFolder(folder.appending(path: name)) {
      throw FileError(operation: "write", path: folder.appending(path: name).path, code: EISDIR)
    }
    // From this move on the new files are the valid ones.
    let complete = TemporaryName.sibling(of: folder.appending(path: "files"), .publishing)
    try temporary.move(to: complete)
    try FileSystem.synchronize(folder)
    try finishPublishing(complete)
  }

  /// Makes good what dead processes left in a folder: removes half-written files and folders, completes a set of
  /// files that was being published, and gives back its name to a folder that was being replaced.
  ///
  /// ``write(to:replaceExisting:writesManifest:_:)`` and ``publishFiles(into:_:)`` begin with it; readers that follow
  /// a crash call it first.
  ///
  /// - Throws: ``FileError``.
  public static func recover(in folder: URL) throws {
    for name in try FileSystem.names(in: folder) {
      let url = folder.appending(path: name)
      guard let hidden = TemporaryName(name), WriterLock.isAbandoned(url) else { continue }
      let final = folder.appending(path: hidden.finalName)
      switch hidden.stage {
      case .publishing: try finishPublishing(url)
      case .replaced where !FileSystem.isFolder(final): try FileSystem.move(url, to: final)
      case .replaced, .partial: try? FileManager.default.removeItem(at: url)
      }
    }
  }

  /// Removes a folder so that its name never stands for half of it.
  ///
  /// - Throws: ``FileError``; the folder is then as it was.
  public static func remove(_ folder: URL) throws {
    let hidden = TemporaryName.sibling(of: folder, .partial)
    try FileError.check(rename(folder.path, hidden.path), "remove", folder.path)
    // What cannot be removed now is removed by the next `recover`.
    try? FileManager.default.removeItem(at: hidden)
  }

  /// Whether there is a folder with something in it, which a move cannot simply replace.
  private static func isOccupied(_ folder: URL) throws -> Bool {
    try FileSystem.isFolder(folder) && !FileSystem.names(in: folder).isEmpty
  }

  private static func put(_ temporary: TemporaryFolder, at final: URL) throws {
    guard try isOccupied(final) else { return try temporary.move(to: final) }
    let old = TemporaryName.sibling(of: final, .replaced)
    try FileSystem.move(final, to: old)
    do {
      try temporary.move(to: final)
    } catch {
      try FileSystem.move(old, to: final)
      throw error
    }
    try? FileManager.default.removeItem(at: old)
  }

  /// Moves the files of a complete set into the folder around it.
  private static func finishPublishing(_ set: URL) throws {
    let folder = set.deletingLastPathComponent()
    for name in try FileSystem.names(in: set) {
      try FileSystem.move(set.appending(path: name), to: folder.appending(path: name))
    }
    try FileSystem.synchronize(folder)
    try FileError.check(rmdir(set.path), "remove", set.path)
  }
}
