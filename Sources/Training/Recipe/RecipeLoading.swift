import Foundation

extension Recipe {
  /// Reads a recipe file.
  ///
  /// - Parameters:
  ///   - file: The YAML file. Relative paths in it start from its folder, and those in its `base`, if it states one,
  ///     from the base's.
  ///   - overrides: `key=value` texts of `--set`, applied in order; keys are dotted paths such as `tasks.0.name`.
  ///   - workingDirectory: Where a relative `output_dir` starts from.
  /// - Throws: ``RecipeError``.
  public static func load(
    _ file: URL, overrides: [String] = [],
    workingDirectory: URL = URL(filePath: FileManager.default.currentDirectoryPath)
  ) throws(RecipeError) -> Recipe {
    try parse(
      text(of: file), file: file.path, folder: file.deletingLastPathComponent(), overrides: overrides,
      workingDirectory: workingDirectory)
  }

  /// Reads the text of a recipe, as ``load(_:overrides:workingDirectory:)`` does for a file in `folder`.
  ///
  /// - Parameter file: What errors call the recipe.
  public static func parse(
    _ yaml: String, file: String = "the text", folder: URL, overrides: [String] = [],
    workingDirectory: URL = URL(filePath: FileManager.default.currentDirectoryPath)
  ) throws(RecipeError) -> Recipe {
    // Links are resolved first, since `..` in a path means the parent of what a link leads to.
    let folder = folder.resolvingSymlinksInPath()
    var nodes = try RecipeNodes(yaml, file: file, folder: folder)
    try RecipeOverride.apply(overrides, to: &nodes.root)
    let location = RecipeLocation(folder: folder, key: "", place: .file, origins: nodes.origins)
    var recipe = try Recipe.read(nodes.root, at: location)
    recipe.outputDir = RecipePath.absolute(recipe.outputDir, in: workingDirectory.resolvingSymlinksInPath())
    return recipe
  }

  /// What a recipe file holds.
  static func text(of file: URL) throws(RecipeError) -> String {
    do {
      return try String(contentsOf: file, encoding: .utf8)
    } catch {
      let reason = FileManager.default.fileExists(atPath: file.path) ? "it is no readable UTF-8 text" : "no such file"
      throw .unreadable(file: file.path, reason: reason)
    }
  }
}

/// What the paths of a recipe mean.
enum RecipePath {
  /// The path from the root, without `.` and `..`; `builtin:…` stays as it is.
  static func absolute(_ path: String, in folder: URL) -> String {
    path.hasPrefix("/") || path.hasPrefix("builtin:") ? path : folder.appending(path: path).standardizedFileURL.path
  }

  /// A folder's absolute path; a text that neither looks like a path nor is one beside the recipe stays a name.
  static func folderOrName(_ text: String, in folder: URL) -> String {
    let path = absolute(text, in: folder)
    return text.hasPrefix(".") || FileManager.default.fileExists(atPath: path) ? path : text
  }
}
