/// Why a model folder cannot be found or used.
public enum ModelFolderError: Error, Equatable, CustomStringConvertible {
  case notFound(name: String, looked: [String])
  case notAFolder(path: String)
  case incompleteDownload(name: String, missing: String)
  case missingConfiguration(folder: String, holdsAdapter: Bool)
  case unreadableConfiguration(file: String, reason: String)
  case missingWeights(folder: String, others: [String])
  case unreadableIndex(file: String, reason: String)
  case missingShard(index: String, shard: String, tensorCount: Int)
  case tensorNotInShard(index: String, tensor: String, shard: String)

  public var description: String {
    switch self {
    case .notFound(let name, let looked):
      "no model '\(name)': looked for the folder\(looked.count == 1 ? "" : "s") \(looked.joined(separator: " and ")). "
        + "Give a folder with config.json, or a name that is in the local Hugging Face cache (HF_HOME)."
    case .notAFolder(let path):
      "\(path) is a file. Give the folder that holds config.json and the weights."
    case .incompleteDownload(let name, let missing):
      "the model '\(name)' is in the Hugging Face cache, but not whole: \(missing) is missing. Download it again."
    case .missingConfiguration(let folder, let holdsAdapter):
      "\(folder) has no config.json, so it is no model folder. "
        + (holdsAdapter ? "It holds an adapter: give the adapter's base model." : "Give a Hugging Face model folder.")
    case .unreadableConfiguration(let file, let reason):
      "\(file): \(reason). Copy or download it again."
    case .missingWeights(let folder, let others):
      "\(folder) has neither model.safetensors nor model.safetensors.index.json. "
        + (others.isEmpty
          ? "Copy the weights there."
          : "It has \(others.joined(separator: ", ")): save the model again in the safetensors format.")
    case .unreadableIndex(let file, let reason):
      "\(file): \(reason). Copy or download it again."
    case .missingShard(let index, let shard, let tensorCount):
      "\(index): the file '\(shard)', with \(tensorCount) of its tensors, is missing. Copy or download it again."
    case .tensorNotInShard(let index, let tensor, let shard):
      "\(index): it puts the tensor '\(tensor)' into '\(shard)', where it is not. Index and shards do not match."
    }
  }
}
