import Foundation
import TestSupport
import Testing

@testable import Checkpoints

private func makeModel(_ folder: URL, configuration: String = "{\"model_type\": \"gpt2\", \"n_layer\": 2}") throws {
  try FileSystem.createFolder(folder)
  try write(configuration, to: folder.appending(path: "config.json"))
  try SafetensorsWriter.write(to: folder.appending(path: "model.safetensors"), arrays: [("w", [2], [1, 2])])
}

@Test func aFolderIsFoundByItsPath() throws {
  try withTemporaryFolder { folder in
    try makeModel(folder.appending(path: "models/mine"))
    for (path, base) in [("models/mine", folder), ("../models/mine/", folder.appending(path: "models"))] {
      let model = try ModelFolder.resolve(path, relativeTo: base, environment: [:])
      #expect(model.modelType == "gpt2")
      #expect(model.configurationValues["n_layer"] as? Int == 2)
      #expect(try model.weights().array("w") == [1, 2])
    }
    let absolute = folder.appending(path: "models/mine")
    #expect(try ModelFolder.resolve(absolute.path).modelType == "gpt2")
  }
}

@Test(arguments: ["gpt2", "org/some-name"], ["HF_HUB_CACHE", "HF_HOME", "HOME", "XDG_CACHE_HOME"])
func aHubNameIsFoundInTheCache(name: String, variable: String) throws {
  try withTemporaryFolder { folder in
    let below = [
      "HF_HUB_CACHE": "", "HF_HOME": "hub/", "HOME": ".cache/huggingface/hub/", "XDG_CACHE_HOME": "huggingface/hub/",
    ]
    let model = folder.appending(path: "\(below[variable]!)models--\(name.replacing("/", with: "--"))")
    try makeModel(model.appending(path: "snapshots/abc123"))
    try FileSystem.createFolder(model.appending(path: "refs"))
    try write("abc123\n", to: model.appending(path: "refs/main"))
    let found = try ModelFolder.resolve(name, relativeTo: folder, environment: [variable: folder.path])
    #expect(found.url.path.hasSuffix("snapshots/abc123"))
    #expect(try found.weights().names == ["w"])
  }
}

@Test func anIncompleteDownloadSaysWhatIsMissing() throws {
  try withTemporaryFolder { folder in
    let environment = ["HF_HUB_CACHE": folder.path]
    let model = folder.appending(path: "models--gpt2")
    try FileSystem.createFolder(model.appending(path: "refs"))
    #expect(
      errorText { _ = try ModelFolder.resolve("gpt2", relativeTo: folder, environment: environment) }
        == "the model 'gpt2' is in the Hugging Face cache, but not whole: \(model.path)/refs/main is missing. "
        + "Download it again.")
    try write("abc", to: model.appending(path: "refs/main"))
    #expect(
      errorText { _ = try ModelFolder.resolve("gpt2", relativeTo: folder, environment: environment) }
        .contains("\(model.path)/snapshots/abc is missing"))
  }
}

@Test func anUnknownNameListsWhereWasLooked() throws {
  try withTemporaryFolder { folder in
    let environment = ["HF_HOME": folder.path]
    #expect(
      errorText { _ = try ModelFolder.resolve("org/none", relativeTo: folder, environment: environment) }
        == "no model 'org/none': looked for the folders \(folder.path)/org/none and "
        + "\(folder.path)/hub/models--org--none. Give a folder with config.json, or a name that is in the local "
        + "Hugging Face cache (HF_HOME).")
    #expect(
      errorText { _ = try ModelFolder.resolve("./none", relativeTo: folder, environment: environment) }
        .contains("looked for the folder \(folder.path)/none."))
  }
}

@Test func aFolderThatIsNoModelIsNamed() throws {
  try withTemporaryFolder { folder in
    func text() -> String { errorText { _ = try ModelFolder.resolve(folder.path) } }
    #expect(
      text() == "\(folder.path) has no config.json, so it is no model folder. Give a Hugging Face model folder.")
    try write("{}", to: folder.appending(path: "adapter_config.json"))
    #expect(text().hasSuffix("It holds an adapter: give the adapter's base model."))
    let file = folder.appending(path: "config.json")
    try write("{", to: file)
    #expect(text() == "\(file.path): not a JSON object. Copy or download it again.")
    try write("{\"model_type\": 3}", to: file)
    #expect(text() == "\(file.path): no text under the key model_type. Copy or download it again.")
    #expect(
      errorText { _ = try ModelFolder.resolve(file.path) }
        == "\(file.path) is a file. Give the folder that holds config.json and the weights.")
  }
}

@Test func aFaultyConfigurationKeyIsNamed() throws {
  struct Shape: Decodable { let layers: Int }
  try withTemporaryFolder { folder in
    try makeModel(folder, configuration: "{\"model_type\": \"gpt2\"}")
    #expect(
      errorText { _ = try ModelFolder(folder).decodeConfiguration(as: Shape.self) }
        == "\(folder.path)/config.json: the key layers is missing. Copy or download it again.")
    try makeModel(folder, configuration: "{\"model_type\": \"gpt2\", \"layers\": \"two\"}")
    #expect(
      errorText { _ = try ModelFolder(folder).decodeConfiguration(as: Shape.self) }
        .contains("the key layers is not of type Int"))
    try makeModel(folder, configuration: "{\"model_type\": \"gpt2\", \"layers\": 2}")
    #expect(try ModelFolder(folder).decodeConfiguration(as: Shape.self).layers == 2)
  }
}

@Test func shardsShareOneNameSpace() throws {
  try withTemporaryFolder { folder in
    let index = folder.appending(path: "model.safetensors.index.json")
    try SafetensorsWriter.write(to: folder.appending(path: "1.safetensors"), arrays: [("b", [2], [1, 2])])
    try SafetensorsWriter.write(
      to: folder.appending(path: "2.safetensors"), arrays: [("a", [1], [3]), ("c", [1, 1], [4])])
    try write(
      #"{"metadata": {}, "weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "2.safetensors"}}"#,
      to: index)
    let weights = try WeightFiles(in: folder)
    #expect(weights.names == ["a", "b", "c"])
    #expect(weights.files.count == 2)
    #expect(try weights.array("b") == [1, 2])
    #expect(try weights.info("c").shape == [1, 1])
    #expect(try weights.floats("c").map(Array.init) == [4])
    #expect(try weights.bytes("a").count == 4)
    #expect(
      errorText { _ = try weights.array("d") }
        == "\(index.path): no tensor 'd' among its 3. Check that the file belongs to this model or adapter.")
  }
}

@Test func aFaultyIndexIsNamed() throws {
  try withTemporaryFolder { folder in
    let index = folder.appending(path: "model.safetensors.index.json")
    func text(_ content: String) throws -> String {
      try write(content, to: index)
      return errorText { _ = try WeightFiles(in: folder) }
    }
    try SafetensorsWriter.write(to: folder.appending(path: "1.safetensors"), arrays: [("a", [1], [1])])
    #expect(try text("[]") == "\(index.path): not a JSON object. Copy or download it again.")
    #expect(try text("{}") == "\(index.path): no tensor names under the key weight_map. Copy or download it again.")
    #expect(
      try text("{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"2.safetensors\"}}")
        == "\(index.path): the file '2.safetensors', with 1 of its tensors, is missing. Copy or download it again.")
    #expect(
      try text("{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": \"1.safetensors\"}}")
        == "\(index.path): it puts the tensor 'b' into '1.safetensors', where it is not. "
        + "Index and shards do not match.")
    #expect(try text("{\"weight_map\": {\"a\": \"../1.safetensors\"}}").contains("is missing"))
  }
}

@Test func aFolderWithoutSafetensorsSaysWhatItHasInstead() throws {
  try withTemporaryFolder { folder in
    #expect(
      errorText { _ = try WeightFiles(in: folder) }
        == "\(folder.path) has neither model.safetensors nor model.safetensors.index.json. Copy the weights there.")
    try write("", to: folder.appending(path: "pytorch_model.bin"))
    #expect(
      errorText { _ = try WeightFiles(in: folder) }
        .hasSuffix("It has pytorch_model.bin: save the model again in the safetensors format."))
  }
}
