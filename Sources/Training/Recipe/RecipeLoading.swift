import Foundation
import Yams

extension Recipe {
  /// Reads a recipe file.
  ///
  /// - Parameters:
  ///   - file: The YAML file. Relative paths in it start from its folder.
  ///   - overrides: `key=value` texts of `--set`, applied in order; keys are dotted paths such as `tasks.0.name`.
  ///   - workingDirectory: Where a relative `output_dir` starts from.
  /// - Throws: ``RecipeError``.
  public static func load(
    _ file: URL, overrides: [String] = [],
    workingDirectory: URL = URL(filePath: FileManager.default.currentDirectoryPath)
  ) throws(RecipeError) -> Recipe {
    let text: String
    do {
      text = try String(contentsOf: file, encoding: .utf8)
    } catch {
      let reason = FileManager.default.fileExists(atPath: file.path) ? "it is no readable UTF-8 text" : "no such file"
      throw .unreadable(file: file.path, reason: reason)
    }
    return try parse(
      text, file: file.path, folder: file.deletingLastPathComponent(), overrides: overrides,
      workingDirectory: workingDirectory)
  }

  /// Reads the text of a recipe, as ``load(_:overrides:workingDirectory:)`` does for a file in `folder`.
  ///
  /// - Parameter file: What errors call the recipe.
  public static func parse(
    _ yaml: String, file: String = "the text", folder: URL, overrides: [String] = [],
    workingDirectory: URL = URL(filePath: FileManager.default.currentDirectoryPath)
  ) throws(RecipeError) -> Recipe {
    guard var root = try compose(yaml), root.mapping != nil else { throw .notAMapping(file: file) }
    try RecipeOverride.apply(overrides, to: &root)
    // Links are resolved first, since `..` in a path means the parent of what a link leads to.
    let folder = folder.resolvingSymlinksInPath()
    var recipe = try Recipe.read(root, at: RecipeLocation(folder: folder, key: "", place: .file))
    recipe.outputDir = RecipePath.absolute(recipe.outputDir, in: workingDirectory.resolvingSymlinksInPath())
    recipe.modelNameOrPath = RecipePath.folderOrName(recipe.modelNameOrPath, in: folder)
    recipe.tokenizerNameOrPath = RecipePath.folderOrName(recipe.tokenizerNameOrPath, in: folder)
    recipe.adapter.initFrom = recipe.adapter.initFrom.map { RecipePath.absolute($0, in: folder) }
    return recipe
  }

  /// The nodes of a YAML text; nil for an empty one.
  private static func compose(_ yaml: String) throws(RecipeError) -> Node? {
    do {
      return try Yams.compose(yaml: yaml, .default, .default, .utf8)
    } catch let error as YamlError {
      switch error {
      case .duplicatedKeysInMapping(let keys, let context):
        throw .duplicateKey(keys.first ?? "", .line(context.mark.line))
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw .syntax(.line(mark.line), problem: problem)
      default: throw .syntax(.file, problem: "\(error)")
      }
    } catch {
      throw .syntax(.file, problem: "\(error)")
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
