import Foundation

/// The folder `../shared` beside the checkout: more fixtures, real task data, tokenizers. Not part of the project.
public enum SharedFolder {
  /// The package's root folder, found from this file's place in it.
  public static let packageRoot = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// `../shared`, whether it exists or not.
  public static let url = packageRoot.deletingLastPathComponent().appending(path: "shared").resolvingSymlinksInPath()

  /// Whether the folder is there: the condition of every test that needs its data.
  public static let isPresent = FileManager.default.fileExists(atPath: url.appending(path: "fixtures/README.md").path)

  /// The text a skipped test shows.
  public static let absence = "needs the folder ../shared beside the checkout (real tasks and tokenizers)"
}
