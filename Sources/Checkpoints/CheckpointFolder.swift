import Foundation

/// A run folder's checkpoints: `checkpoint-<step>` folders with a manifest, each written by ``AtomicFolder``.
public struct CheckpointFolder: Sendable, Equatable {
  /// The folder.
  public let url: URL
  /// The number of optimizer steps done when it was written.
  public let step: Int

  /// The checkpoint of `step` in a run folder, whether it is there or not.
  public init(in runFolder: URL, step: Int) {
    url = runFolder.appending(path: Self.name(step: step))
    self.step = step
  }

  /// `checkpoint-<step>`.
  public static func name(step: Int) -> String { "checkpoint-\(step)" }

  /// A run folder's checkpoints, good or bad, oldest first; none if there is no such folder.
  ///
  /// - Throws: ``FileError``.
  public static func list(in runFolder: URL) throws -> [CheckpointFolder] {
    guard FileSystem.isFolder(runFolder) else { return [] }
    return try FileSystem.names(in: runFolder)
      .compactMap(step(ofName:))
      .map { CheckpointFolder(in: runFolder, step: $0) }
      .filter { FileSystem.isFolder($0.url) }
      .sorted { $0.step < $1.step }
  }

  /// The step in a name of the form `checkpoint-<step>`; nil for any other name.
  private static func step(ofName name: String) -> Int? {
    let step = Int(name.trimmingPrefix("checkpoint-")) ?? -1
    return step >= 0 && Self.name(step: step) == name ? step : nil
  }

  /// Checks every file in the manifest: there, of the right length, with the right SHA-256.
  ///
  /// - Throws: ``CheckpointError`` (or ``FileError`` when a file cannot be read) for the first that fails.
  public func verify() throws { try Self.verify(url) }

  /// Each file's SHA-256 in lower-case hexadecimal digits, by its name, after ``verify()``.
  public func digests() throws -> [String: String] {
    let manifest = try FolderManifest(of: url)
    try manifest.check(url)
    return manifest.files.mapValues(\.sha256)
  }

  /// ``verify()`` for a checkpoint under any name, such as a copied one.
  public static func verify(_ folder: URL) throws { try FolderManifest(of: folder).check(folder) }

  /// The newest checkpoint that passes ``verify()``; nil if none does.
  ///
  /// - Parameters:
  ///   - recovers: Whether what a crash left is made good before it looks, for which one rank alone calls it, while no
  ///     other process writes there. Without, nothing is changed.
  ///   - onBad: Called for each newer checkpoint that fails, with one line that says why, and what is tried instead.
  /// - Throws: ``FileError`` when the run folder cannot be read.
  public static func newestGood(
    in runFolder: URL, recovers: Bool = true, onBad: (String) -> Void
  ) throws -> CheckpointFolder? {
    guard FileSystem.isFolder(runFolder) else { return nil }
    if recovers { try AtomicFolder.recover(in: runFolder) }
    var candidates = try list(in: runFolder)
    while let candidate = candidates.popLast() {
      do {
        try candidate.verify()
        return candidate
      } catch {
        let next = candidates.last.map { "Falling back to \($0.url.lastPathComponent)." }
        onBad("\(candidate.url.lastPathComponent) is not used: \(error) \(next ?? "No older checkpoint is left.")")
      }
    }
    return nil
  }

  /// Removes all but the newest `limit` checkpoints, and never the newest good one.
  ///
  /// - Parameters:
  ///   - limit: How many stay, at least 1.
  ///   - knownGood: The step of a checkpoint that this process just wrote, which need not be verified again.
  /// - Returns: The removed ones.
  /// - Throws: ``FileError``.
  @discardableResult
  public static func prune(
    in runFolder: URL, keeping limit: Int, knownGood: Int? = nil
  ) throws -> [CheckpointFolder] {
    precondition(limit >= 1, "a limit of \(limit) checkpoints would leave none")
    let checkpoints = try list(in: runFolder)
    let surplus = checkpoints.dropLast(limit)
    if surplus.isEmpty { return [] }
    let good = checkpoints.last { $0.step == knownGood || (try? $0.verify()) != nil }
    let removed = surplus.filter { $0 != good }
    for checkpoint in removed { try AtomicFolder.remove(checkpoint.url) }
    return removed
  }
}
