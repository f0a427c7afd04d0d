import Foundation
import Yams

/// The keys of a recipe joined with those of the recipe it is based on.
///
/// `base: ../other.yaml` names a recipe by its path from this one's folder; it may have a base itself. Its top-level
/// keys count where this recipe does not state them; a stated key replaces the base's whole value, and `null` takes it
/// away. Paths in the base start from the base's own folder.
struct RecipeNodes {
  /// The name of the key.
  static let baseKey = "base"

  /// Every top-level key but `base`, the recipe's own first.
  var root: Node
  /// The files of the bases, by the top-level keys that were taken from them.
  let origins: [String: URL]

  /// Reads a recipe's text, and the files of its bases.
  ///
  /// - Parameters:
  ///   - file: The recipe's path, or what errors call it.
  ///   - folder: Where the recipe is, links resolved.
  ///   - dependents: The recipes that led here, the first one first; empty for the recipe itself.
  init(_ yaml: String, file: String, folder: URL, dependents: [URL] = []) throws(RecipeError) {
    let place = folder.appending(path: (file as NSString).lastPathComponent)
    let origin = dependents.isEmpty ? nil : place
    guard let mapping = try Self.compose(yaml, origin: origin?.lastPathComponent)?.mapping else {
      throw .notAMapping(file: file)
    }
    let own = mapping.map { ($0.key, $0.value) }.filter { $0.0.scalar?.string != Self.baseKey }
    let ownKeys = own.compactMap { $0.0.scalar?.string }

    let location = RecipeLocation(folder: folder, key: "", place: .file, file: origin?.lastPathComponent)
    let chain = dependents + [place]
    let base = try Self.base(of: RecipeReader(mapping: mapping, location: location), chain: chain)
    // What the stated keys win over counts as stated too.
    let replaced = Set(ownKeys + ownKeys.compactMap { RecipeOverride.winners[$0] })
    let inherited = (base?.root.mapping ?? [:]).map { ($0.key, $0.value) }
      .filter { !replaced.contains($0.0.scalar?.string ?? "") }
    root = .mapping(.init(own + inherited, mapping.tag, mapping.style, mapping.mark))
    origins = (base?.origins ?? [:]).filter { !replaced.contains($0.key) }
      .merging(origin.map { origin in ownKeys.map { ($0, origin) } } ?? []) { $1 }
  }

  /// The recipe that the key `base` names, if it is stated.
  private static func base(of reader: RecipeReader, chain: [URL]) throws(RecipeError) -> RecipeNodes? {
    guard let (node, location) = reader.entry(baseKey) else { return nil }
    let path = try String.read(node, at: location)
    guard !path.isEmpty else {
      throw .outOfRange(
        key: baseKey, location.place, found: RecipeYAML.line(node),
        requirement: "the path of a recipe, from this one's folder")
    }
    let stated = path.hasPrefix("/") ? URL(filePath: path) : location.folder.appending(path: path)
    let folder = stated.deletingLastPathComponent().resolvingSymlinksInPath()
    let file = folder.appending(path: stated.lastPathComponent)
    guard !chain.contains(file) else { throw .circularBase((chain + [file]).map(\.lastPathComponent)) }
    let text: String
    do {
      text = try Recipe.text(of: file)
    } catch {
      guard case .unreadable(let path, let reason) = error else { throw error }
      throw .unreadable(file: path, reason: "\(reason); `\(baseKey)` names it (\(location.place))")
    }
    return try RecipeNodes(text, file: file.path, folder: folder, dependents: chain)
  }

  /// The nodes of a YAML text; nil for an empty one.
  private static func compose(_ yaml: String, origin: String?) throws(RecipeError) -> Node? {
    do {
      return try Yams.compose(yaml: yaml, .default, .default, .utf8)
    } catch let error as YamlError {
      switch error {
      case .duplicatedKeysInMapping(let keys, let context):
        throw .duplicateKey(keys.first ?? "", .line(context.mark.line, of: origin))
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw .syntax(.line(mark.line, of: origin), problem: problem)
      default: throw .syntax(.file, problem: "\(error)")
      }
    } catch {
      throw .syntax(.file, problem: "\(error)")
    }
  }
}
