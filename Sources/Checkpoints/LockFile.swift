import Foundation

/// A small file whose being there says who uses a folder. One process creates it; while it uses the folder it changes
/// the file in place; and it removes it in the end, or another does for one that is gone.
///
/// It holds on network file systems too: a file is created by one process alone (O_EXCL), and it is opened anew for
/// every look, which is when such a file system asks its server.
public final class LockFile: Sendable {
  public let url: URL
  /// The text in the content that no other such file has.
  private let mark: Data
  private let descriptor: Int32

  private init(_ url: URL, mark: String, descriptor: Int32) {
    (self.url, self.mark, self.descriptor) = (url, Data(mark.utf8), descriptor)
  }

  deinit { close(descriptor) }

  /// Creates the file; nil if there is one of that name.
  ///
  /// - Parameter mark: A text that `content`, and every later content, has, and no other process's.
  /// - Throws: ``FileError``, for instance when the disk is full; then there is no file.
  public static func create(_ url: URL, mark: String, content: Data) throws -> LockFile? {
    let descriptor = open(url.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    if descriptor == -1, errno == EEXIST { return nil }
    try FileError.check(descriptor, "create", url.path)
    let file = LockFile(url, mark: mark, descriptor: descriptor)
    do {
      try file.overwrite(with: content)
    } catch {
      unlink(url.path)
      throw error
    }
    return file
  }

  /// Puts a content of the same length in the place of the present one, and brings it to the disk.
  ///
  /// In place, since a file that another process has put there meanwhile must not be replaced.
  ///
  /// - Throws: ``FileError``; the file may then hold parts of both.
  public func overwrite(with content: Data) throws {
    let written = content.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    try FileError.check(Int32(clamping: written), "write", url.path)
    if written < content.count { throw FileError(operation: "write", path: url.path, code: ENOSPC) }
    if fsync(descriptor) == -1, errno != EINVAL { throw FileError.last("write", url.path) }
  }

  /// What is found under the file's name.
  public enum Presence: Equatable {
    case own
    case missing
    /// Another process's file, with this content.
    case other(Data)
  }

  /// Looks whether the file is still there.
  ///
  /// - Throws: ``FileError`` when it cannot be told.
  public func presence() throws -> Presence {
    guard let content = try Self.read(url) else { return .missing }
    return isOwn(content) ? .own : .other(content)
  }

  /// Removes the file, unless another has taken its place.
  ///
  /// - Throws: ``FileError``.
  public func remove() throws { try Self.remove(url, where: isOwn) }

  private func isOwn(_ content: Data) -> Bool { content.range(of: mark) != nil }
}

extension LockFile {
  /// The content of a process's file; nil if there is none.
  ///
  /// - Throws: ``FileError``.
  public static func read(_ url: URL) throws -> Data? {
    let descriptor = open(url.path, O_RDONLY | O_CLOEXEC)
    if descriptor == -1, isGone(errno) { return nil }
    try FileError.check(descriptor, "open", url.path)
    defer { close(descriptor) }
    var content = Data(count: largestByteCount)
    let count = content.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, 0) }
    if count == -1, isGone(errno) { return nil }
    try FileError.check(Int32(clamping: count), "read", url.path)
    return content.prefix(count)
  }

  /// Whether an error says that the file is not there, or, on a network file system, not there any more.
  private static func isGone(_ code: Int32) -> Bool { code == ENOENT || code == ESTALE }

  /// More than such a file holds.
  private static let largestByteCount = 1 << 14

  /// Removes the file whose content `isMeant` knows; false if it is not there any more, or another process is removing
  /// it at this moment.
  ///
  /// Of several that mean the same file one alone removes it, and none removes a file created after it: who holds the
  /// file's flock may take its name away. Where a file system has no such locks, a file that was not meant gets its
  /// name back.
  ///
  /// - Throws: ``FileError``.
  @discardableResult
  public static func remove(_ url: URL, where isMeant: (Data) -> Bool) throws -> Bool {
    var descriptor = open(url.path, O_RDWR | O_CLOEXEC)
    if descriptor == -1, errno == EACCES { descriptor = open(url.path, O_RDONLY | O_CLOEXEC) }
    if descriptor == -1, isGone(errno) { return false }
    try FileError.check(descriptor, "open", url.path)
    defer { close(descriptor) }
    if flock(descriptor, LOCK_EX | LOCK_NB) == -1, errno == EWOULDBLOCK { return false }
    guard isName(url, of: descriptor), try read(url).map(isMeant) == true else { return false }

    let aside = TemporaryName.sibling(of: url, .partial)
    if rename(url.path, aside.path) == -1 {
      if isGone(errno) { return false }
      throw FileError.last("remove", url.path)
    }
    let isRight = try read(aside).map(isMeant) == true
    if !isRight { link(aside.path, url.path) }
    unlink(aside.path)
    return isRight
  }

  /// Whether `url` names the file that `descriptor` is open on.
  private static func isName(_ url: URL, of descriptor: Int32) -> Bool {
    var named = stat(), opened = stat()
    return stat(url.path, &named) == 0 && fstat(descriptor, &opened) == 0 && named.st_ino == opened.st_ino
      && named.st_dev == opened.st_dev
  }
}
