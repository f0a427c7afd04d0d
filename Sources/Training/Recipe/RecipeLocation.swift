import Foundation
import Yams

/// A key's full name and its place in the file.
struct RecipeLocation {
  /// Where relative paths start from: the folder of the recipe that states the key.
  let folder: URL
  /// The dotted path, such as `tasks.0.name`; empty for the recipe itself.
  let key: String
  /// Where the key is stated.
  let place: RecipePlace
  /// The name of the base that states the key; nil: the recipe itself does.
  var file: String?
  /// The files of bases by the keys of the recipe that they state; empty below the recipe itself.
  var origins: [String: URL] = [:]
  /// Where relative paths of the command line start from, if a base states the key; nil: from ``folder``.
  var overrideFolder: URL?

  /// The location of `node` under `name`. Nodes without a mark come from the command line.
  func child(_ name: String, _ node: Node) -> RecipeLocation {
    let base = origins[name]
    let file = base?.lastPathComponent ?? file
    guard let mark = node.mark else {
      return RecipeLocation(folder: overrideFolder ?? folder, key: path(name), place: .override, file: file)
    }
    return RecipeLocation(
      folder: base?.deletingLastPathComponent() ?? folder, key: path(name), place: .line(mark.line, of: file),
      file: file, overrideFolder: base == nil ? overrideFolder : folder)
  }

  /// The full name of the key `name` under this one.
  func path(_ name: String) -> String { key.isEmpty ? name : "\(key).\(name)" }

  func wrongType(_ node: Node, expected: String) -> RecipeError {
    .wrongType(key: key, place, found: node.spokenKind, expected: expected)
  }
}
