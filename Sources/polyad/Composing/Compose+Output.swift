import Adapters
import Checkpoints
import Foundation
import JSON
import Training

extension Compose {
  /// What a composed folder says of its making; it marks what `--overwrite` may replace.
  static let recordName = "composition.json"

  /// Writes a composed folder's record.
  static func write(_ record: JSONValue, into folder: URL) throws {
    try FileSystem.atomicWrite(Data((record.text + "\n").utf8), to: folder.appending(path: recordName))
  }

  /// What a composed adapter's folder may hold, with what a search and PEFT add.
  private static let names: Set = [
    AdapterFolder.configurationName, AdapterFolder.weightsName, recordName, ComposeSearch.scoresName,
    ComposeSearch.plotName,
    "README.md",
  ]

  /// Checks, before the work starts, that the adapter can be written and that nothing else is lost by it.
  ///
  /// - Parameter inputs: The adapters' folders.
  /// - Throws: `UsageError`.
  func requireOutput(among inputs: [URL]) throws {
    let folder = URL(filePath: output)
    let isComposed = FileSystem.isFile(folder.appending(path: Self.recordName))
    // Only a composed adapter gives way, whatever else the path may mean by mistake.
    guard ModelOptions.holdsAdapter(folder), overwrite || isComposed else {
      return try OutputTarget.requireNewFolder(output, option: "--output")
    }
    guard overwrite else {
      throw UsageError(
        "--output \(output) holds a composed adapter already: choose another folder, or replace it with --overwrite")
    }
    let place = Self.place(of: folder)
    for input in inputs where Self.place(of: input).starts(with: place) {
      let isOne = Self.place(of: input) == place
      throw UsageError(
        "--output \(output) \(isOne ? "is one of the adapters" : "holds the adapter \(input.relativePath)"): "
          + "choose another folder")
    }
    guard isComposed else {
      throw UsageError(
        "--output \(output) holds an adapter that was not composed (it has no \(Self.recordName)): choose another folder"
      )
    }
    try OutputTarget.requireReplaceable(output, option: "--output", holding: Self.names, "a composed adapter")
  }

  private static func place(of folder: URL) -> [String] {
    folder.standardizedFileURL.resolvingSymlinksInPath().pathComponents
  }
}
