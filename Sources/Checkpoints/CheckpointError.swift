/// What can be wrong with a folder that is written or checked as a whole.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  case alreadyExists(path: String)
  case missingManifest(folder: String)
  case unreadableManifest(folder: String)
  case missingFile(file: String, expected: Int)
  case wrongSize(file: String, expected: Int, found: Int)
  case wrongHash(file: String, expected: String, found: String)

  public var description: String {
    switch self {
    case .alreadyExists(let path):
      "\(path) is there already and not empty. Choose another name or remove it."
    case .missingManifest(let folder):
      "\(folder) has no manifest.json: it is not a checkpoint, or was not copied whole."
    case .unreadableManifest(let folder):
      "\(folder)/manifest.json is damaged: expected each file's size and sha256 as JSON."
    case .missingFile(let file, let expected):
      "\(file) is missing: expected \(expected) bytes, found no file."
    case .wrongSize(let file, let expected, let found):
      "\(file) is damaged: expected \(expected) bytes, found \(found)."
    case .wrongHash(let file, let expected, let found):
      "\(file) is damaged: expected the SHA-256 \(expected), found \(found)."
    }
  }
}
