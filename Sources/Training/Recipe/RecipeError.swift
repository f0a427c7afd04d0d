/// What is wrong with a recipe, and where.
public enum RecipeError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be read.
  case unreadable(file: String, reason: String)
  /// The text is no YAML.
  case syntax(RecipePlace, problem: String)
  /// The file holds something else than a mapping of keys to values.
  case notAMapping(file: String)
  /// A key that no recipe has; the nearest one that it has there.
  case unknownKey(String, RecipePlace, nearest: String?)
  /// A key that is given twice.
  case duplicateKey(String, RecipePlace)
  /// A key without which there is no run; the place is that of its section.
  case missingKey(String, RecipePlace)
  /// A value of another kind than the key takes.
  case wrongType(key: String, RecipePlace, found: String, expected: String)
  /// A word that is none of those the key takes.
  case unknownChoice(key: String, RecipePlace, found: String, choices: [String])
  /// A value of the right kind that makes no sense.
  case outOfRange(key: String, RecipePlace, found: String, requirement: String)
  /// A key that means nothing beside what else the recipe says.
  case notApplicable(key: String, RecipePlace, with: String)
  /// A `--set` that is not `key=value`, or whose key leads nowhere.
  case badOverride(String, reason: String)
  /// Recipes each of which is the base of the one before it, the last one among the others.
  case circularBase([String])
  /// A key of `adapter` that contradicts the folder of `adapter.init_from`.
  case disagreement(key: String, stated: String, found: String, folder: String)

  public var description: String {
    switch self {
    case .unreadable(let file, let reason): "cannot read the recipe \(file): \(reason)"
    case .syntax(let place, let problem): "the recipe is not valid YAML (\(place)): \(problem)"
    case .notAMapping(let file): "\(file) is no recipe: expected keys with values, such as `seed: 0`"
    case .unknownKey(let key, let place, let nearest):
      "unknown key `\(key)` (\(place))" + (nearest.map { "; did you mean `\($0)`?" } ?? "")
    case .duplicateKey(let key, let place): "key `\(key)` is given twice (\(place)); keep one"
    case .missingKey(let key, let place): "missing key `\(key)` (\(place)); it has no default"
    case .wrongType(let key, let place, let found, let expected):
      "`\(key)` is \(found) (\(place)); expected \(expected)"
    case .unknownChoice(let key, let place, let found, let choices):
      "`\(key)` is `\(found)` (\(place)); supported: \(choices.joined(separator: ", "))"
    case .outOfRange(let key, let place, let found, let requirement):
      "`\(key)` is \(found) (\(place)); it must be \(requirement)"
    case .notApplicable(let key, let place, let with):
      "`\(key)` (\(place)) does not go with \(with); remove it"
    case .badOverride(let text, let reason): "--set \(text): \(reason)"
    case .circularBase(let names):
      "recipes are based on each other in a circle: \(names.joined(separator: ", ")); remove one `base`"
    case .disagreement(let key, let stated, let found, let folder):
      "`\(key)` is \(stated), but the adapter in \(folder) has \(found); remove the key or change it"
    }
  }
}

/// Where something in a recipe was stated.
public enum RecipePlace: Sendable, Equatable, CustomStringConvertible {
  /// A line, from 1, of the recipe file, or of the base (`of`) that states the key.
  case line(Int, of: String? = nil)
  /// An override of the command line.
  case override
  /// The recipe file as a whole.
  case file

  public var description: String {
    switch self {
    case .line(let line, let base): "line \(line)" + (base.map { " of \($0)" } ?? "")
    case .override: "--set"
    case .file: "recipe"
    }
  }
}
