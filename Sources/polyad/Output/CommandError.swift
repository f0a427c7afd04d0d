import Checkpoints

/// What stops a command beside the faults that its parts find themselves.
enum CommandError: Error, CustomStringConvertible, Equatable {
  case notTrained(folder: String)
  case noAdapter(folder: String, holdsModel: Bool)
  case unreadableModel(FileError)
  case noTestSet(recipe: String)
  case emptyExample(file: String, number: Int)
  case longExample(file: String, number: Int, tokens: Int, positions: Int)
  case nothingToInspect(folder: String)
  case noFolder(path: String)
  case nothingToMeasure(folder: String, reason: String)
  case noModelName(folder: String)
  case doesNotGenerate(family: String)

  var code: FailureCode {
    switch self {
    case .notTrained, .noAdapter, .unreadableModel, .nothingToInspect, .noFolder, .doesNotGenerate: .model
    case .noTestSet, .nothingToMeasure, .noModelName: .usage
    case .emptyExample, .longExample: .data
    }
  }

  var description: String {
    switch self {
    case .notTrained(let folder):
      "\(folder) holds no trained adapter or model: train the recipe first, or pass --adapter DIR; --base scores the "
        + "bare model"
    case .noAdapter(let folder, let holdsModel):
      holdsModel
        ? "\(folder) holds a whole model and no adapter: pass it as --model, without --adapter"
        : "\(folder) holds no adapter: give a folder with adapter_config.json and adapter_model.safetensors"
    case .unreadableModel(let error): "\(error)"
    case .noTestSet(let recipe): "\(recipe): no task has a test file; give at least one task a test: key"
    case .emptyExample(let file, let number): "\(file): example \(number) has no token; remove it or give it a prompt"
    case .longExample(let file, let number, let tokens, let positions):
      "\(file): example \(number) has \(tokens) tokens, but the model has \(positions) positions; shorten it"
    case .nothingToInspect(let folder):
      "\(folder) holds neither a model (config.json), an adapter (adapter_config.json), a checkpoint nor a run "
        + "(recipe.yaml)"
    case .noFolder(let path): "there is no folder \(path); check the path"
    case .nothingToMeasure(let folder, let reason):
      "--data measures token routers, but \(folder) \(reason): leave --data out"
    case .doesNotGenerate(let family):
      "\(family) models do not generate text: use score, or evaluate with a recipe, for their classes and numbers"
    case .noModelName(let folder):
      "\(folder) does not name its model (base_model_name_or_path): say which one with --model"
    }
  }

  /// Loads parts of a model: a file that is missing or unreadable there is a fault of the model, not of the data.
  static func loadingModel<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as FileError { throw CommandError.unreadableModel(error) }
  }
}
