import Adapters
import Checkpoints
import Foundation

extension Compose {
  /// What a composed adapter's folder may hold, with what a search and PEFT add.
  private static let names: Set = [
    AdapterFolder.configurationName, AdapterFolder.weightsName, ComposeSearch.scoresName, ComposeSearch.plotName,
    "README.md",
  ]

  /// Checks, before the work starts, that the adapter can be written and that nothing else is lost by it.
  ///
  /// - Parameter inputs: The adapters' folders.
  /// - Throws: `UsageError`.
  func requireOutput(among inputs: [URL]) throws {
    let folder = URL(filePath: output)
    // Only an adapter gives way, whatever else the path may mean by mistake.
    guard overwrite, ModelOptions.holdsAdapter(folder) else {
      return try OutputTarget.requireNewFolder(output, option: "--output")
    }
    let place = Self.place(of: folder)
    for input in inputs where Self.place(of: input).starts(with: place) {
      let isOne = Self.place(of: input) == place
      throw UsageError(
        "--output \(output) \(isOne ? "is one of the adapters" : "holds the adapter \(input.relativePath)"): "
          + "choose another folder")
    }
    try OutputTarget.requireReplaceable(output, option: "--output", holding: Self.names, "a composed adapter")
  }

  private static func place(of folder: URL) -> [String] {
    folder.standardizedFileURL.resolvingSymlinksInPath().pathComponents
  }
}
