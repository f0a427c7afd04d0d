import Foundation

/// Operations on files and folders whose failures say what was tried, where and why.
public enum FileSystem {
  /// Creates a folder, and those above it, unless it is there.
  ///
  /// - Throws: ``FileError``.
  public static func createFolder(_ url: URL) throws {
    if mkdir(url.path, 0o777) == 0 || isFolder(url) { return }
    let failure = FileError.last("create the folder", url.path)
    let parent = url.deletingLastPathComponent()
    guard failure.code == ENOENT, parent.path != url.path else { throw failure }
    try createFolder(parent)
    try FileError.check(mkdir(url.path, 0o777), "create the folder", url.path)
  }

  /// Whether there is a folder, or a link to one.
  public static func isFolder(_ url: URL) -> Bool {
    var status = stat()
    return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether there is a regular file, or a link to one.
  public static func isFile(_ url: URL) -> Bool {
    var status = stat()
    return stat(url.path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }

  /// A file's whole content.
  ///
  /// - Throws: ``FileError``.
  public static func read(_ url: URL) throws -> Data {
    let mapping = try MappedFile(url)
    return withExtendedLifetime(mapping) { Data(mapping.bytes) }
  }

  /// Writes a file so that its name always stands for the old content or the new, whole and on the disk.
  ///
  /// - Throws: ``FileError``; an older file is then as it was.
  public static func atomicWrite(_ data: Data, to url: URL) throws {
    let file = try OutputFile(url)
    try data.withUnsafeBytes { try file.write($0) }
    try file.publish()
  }

  /// The names in a folder, hidden ones included, in ascending order.
  ///
  /// - Throws: ``FileError``.
  static func names(in folder: URL) throws -> [String] {
    guard let stream = opendir(folder.path) else { throw FileError.last("list", folder.path) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted(by: utf8Order)
  }

  /// The files in a folder and those below it, as paths relative to it, in ascending order.
  ///
  /// - Throws: ``FileError``.
  static func filesBelow(_ folder: URL) throws -> [String] {
    try names(in: folder).flatMap { name in
      let url = folder.appending(path: name)
      return isFolder(url) ? try filesBelow(url).map { "\(name)/\($0)" } : [name]
    }
  }

  /// Brings a folder's files and lists of names to the disk.
  ///
  /// - Throws: ``FileError``.
  static func synchronizeTree(_ folder: URL) throws {
    for name in try names(in: folder) {
      let url = folder.appending(path: name)
      if isFolder(url) { try synchronizeTree(url) } else { try synchronize(url) }
    }
    try synchronize(folder)
  }

  /// Brings a file's bytes, or a folder's list of names, to the disk.
  ///
  /// - Throws: ``FileError``.
  static func synchronize(_ url: URL) throws {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    try FileError.check(descriptor, "open", url.path)
    defer { close(descriptor) }
    // Some network file systems refuse this for folders with EINVAL; their renames are durable by themselves.
    if fsync(descriptor) == -1, errno != EINVAL { throw FileError.last("write", url.path) }
  }

  /// Gives a file or folder another name on the same file system.
  ///
  /// - Throws: ``FileError`` that names `destination`.
  static func move(_ source: URL, to destination: URL) throws {
    try FileError.check(rename(source.path, destination.path), "write", destination.path)
  }
}
